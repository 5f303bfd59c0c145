"""What is done with is zeros, wherever it was."""

import pytest

from broker.body import Body
from broker.wiped import Wiped, overwrite, wipe


def test_a_buffer_is_zeros_when_nobody_needs_it_any_more() -> None:
    buffer = Wiped(b"secret" * 100_000)  # so much that its memory is not used again at once
    seen: list[bytes] = []

    class Watched(Wiped):
        def __del__(self) -> None:
            super().__del__()
            seen.append(bytes(self))

    watched = Watched(buffer)
    del watched

    assert seen == [bytes(600_000)]


def test_bytes_that_nobody_else_has_are_overwritten_in_place() -> None:
    made = bytes(bytearray(b"secret"))

    overwrite(made)

    assert made == bytes(6)


@pytest.mark.parametrize("shared", [b"", b"x"])
def test_an_object_that_everybody_shares_is_left_alone(shared: bytes) -> None:
    before = bytes(bytearray(shared))

    overwrite(shared)

    assert shared == before
    assert bytes([120]) == b"x"


def test_a_part_is_overwritten_and_no_more() -> None:
    buffer = bytearray(b"a secret b")

    wipe(memoryview(buffer)[2:8])

    assert buffer == b"a \0\0\0\0\0\0 b"


@pytest.mark.parametrize("sizes", [[], [1], [7], [1, 2, 3], [65_536, 1, 65_536]])
def test_a_body_is_the_whole_of_its_parts_which_are_overwritten(sizes: list[int]) -> None:
    parts = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
    expected = bytes(bytearray().join(parts))
    body = Body()

    for part in parts:
        body.add(part)

    assert body.size_bytes == body.unheeded_bytes == len(expected)
    assert bytes(body.take()) == expected
    assert not any(any(part) for part in parts if len(part) > 1)


def test_what_is_dropped_counts_for_the_size_and_is_not_in_the_body() -> None:
    body = Body()

    body.add(bytes(bytearray(b"dropped")))
    body.drop()
    body.add(bytes(bytearray(b"kept")))

    assert (body.size_bytes, body.unheeded_bytes) == (11, 4)
    assert bytes(body.take()) == b"kept"
