import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.mysql.packets import (
    BODY_MAX_BYTES,
    AtHand,
    Column,
    ErrPacket,
    MalformedError,
    OkPacket,
    Row,
    framed,
    packets_of,
    read_column,
    read_end,
    read_head,
    read_row,
    read_rows,
)

OK = b"\x00\x07\x00\x03\x00\x02\x00"
END = b"\xfe\x02\x00\x08\x00"
ERROR = b"\xff\x28\x04#42000You have an error"


def lengthy(value: bytes) -> bytes:
    """Return a length-encoded text, written as long as the protocol allows."""
    return b"\xfe" + struct.pack("<Q", len(value)) + value


def packet(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([number & 0xFF]) + body


def shortly(*values: bytes | None) -> bytes:
    """Return a row of short values."""
    return b"".join(b"\xfb" if one is None else bytes([len(one)]) + one for one in values)


def column(name: bytes) -> bytes:
    texts = b"".join(map(lengthy, (b"def", b"shop", b"t", b"t", name, name)))
    return texts + struct.pack("<BHIBHBxx", 12, 45, 80, 253, 1, 0)


def test_an_end_of_a_command_says_what_it_changed_and_how_the_session_is() -> None:
    assert read_head(OK) == OkPacket(affected=7, status=3, warnings=2)
    assert OkPacket(0, 1, 0).is_in_transaction
    assert not OkPacket(0, 2, 0).is_in_transaction


def test_an_end_of_rows_says_whether_more_results_follow() -> None:
    end = read_end(END)

    assert end == OkPacket(affected=0, status=8, warnings=2)
    assert end.has_more


def test_an_error_has_a_number_a_sqlstate_and_words() -> None:
    expected = ErrPacket(1064, "42000", "You have an error")

    assert read_head(ERROR) == read_end(ERROR) == expected
    assert read_head(b"\xff\x10\x04Too many connections").sqlstate == "HY000"  # type: ignore[union-attr]  # an error


def test_a_column_is_read_whatever_stands_around_it() -> None:
    assert read_column(column("größe".encode())) == Column("größe", 253, 1, 45, 80)


def test_a_row_has_nulls_empty_and_long_values() -> None:
    long = b"x" * 70_000

    row = read_row(b"\xfb\x00\x01a" + lengthy(long), 4)

    assert row == [None, b"", b"a", long]


def test_a_row_that_begins_like_an_end_is_a_row() -> None:
    assert read_end(lengthy(b"a long value")) is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xfbetc/passwd", id="asks for a file"),
        pytest.param(b"\x00\x01", id="an end cut off"),
        pytest.param(b"\xff\x01", id="an error cut off"),
        pytest.param(b"\xfd\x00\x20\x00", id="more columns than a table can have"),
        pytest.param(b"\xfc\x01", id="a number cut off"),
    ],
)
def test_what_no_answer_begins_with_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        read_head(body)


@pytest.mark.parametrize(
    ("body", "count"), [(b"\x01a", 2), (b"\x01a\x01b", 1), (b"\x05a", 1), (b"\xff", 1), (b"", 1)]
)
def test_a_row_that_does_not_fit_its_columns_is_malformed(body: bytes, count: int) -> None:
    with pytest.raises(MalformedError):
        read_row(body, count)


@given(
    rows=st.lists(st.lists(st.none() | st.binary(max_size=250), min_size=2, max_size=2)),
    first=st.integers(0, 255),
    at_most=st.integers(0, 9),
    cut=st.integers(0, 600),
)
def test_rows_that_are_at_hand_are_those_that_are_read_one_by_one(
    rows: list[Row], first: int, at_most: int, cut: int
) -> None:
    packets = [packet(first + i, shortly(*row)) for i, row in enumerate(rows)]
    data = b"before" + b"".join(packets)
    data = data[: max(6, len(data) - cut)]

    found = read_rows(data, 6, first, count=2, at_most=at_most)

    whole = sum(6 + len(b"".join(packets[: i + 1])) <= len(data) for i in range(len(packets)))
    taken = min(whole, at_most)
    end = 6 + len(b"".join(packets[:taken]))
    assert found == AtHand(rows[:taken], end, (first + taken) & 0xFF)


@pytest.mark.parametrize(
    "next_one",
    [
        pytest.param(packet(8, END), id="the end"),
        pytest.param(packet(8, ERROR), id="an error"),
        pytest.param(packet(9, b"\x01a"), id="a wrong number"),
        pytest.param(packet(8, b""), id="an empty packet"),
        pytest.param(b"\xff\xff\xff\x08" + bytes(BODY_MAX_BYTES), id="the part of a packet"),
    ],
)
def test_rows_at_hand_stop_before_what_is_none(next_one: bytes) -> None:
    row = packet(7, b"\x01a")

    found = read_rows(row + next_one + packet(9, b"\x01a"), 0, 7, count=1, at_most=9)

    assert found == AtHand([[b"a"]], len(row), 8)


@pytest.mark.parametrize(
    ("body", "count"), [(b"\x01a", 2), (b"\x01a\x01b", 1), (b"\x09a", 1), (b"\xfc\x09", 1)]
)
@pytest.mark.parametrize("is_last", [True, False])
def test_a_row_at_hand_takes_nothing_of_its_neighbour(
    body: bytes, count: int, *, is_last: bool
) -> None:
    data = packet(0, body) + (b"" if is_last else packet(1, b"\x01a" * 40))

    with pytest.raises(MalformedError):
        read_rows(data, 0, 0, count=count, at_most=9)


@pytest.mark.parametrize("read", [read_head, read_end, read_column, lambda body: read_row(body, 3)])
@given(start=st.sampled_from([b"", OK, END, ERROR, column(b"x")]), data=st.binary(max_size=80))
def test_whatever_comes_is_read_or_malformed(
    read: Callable[[bytes], object], start: bytes, data: bytes
) -> None:
    for body in (start + data, (start + data)[len(data) // 2 :]):
        try:
            read(body)
        except MalformedError:
            continue


@pytest.mark.parametrize("length", [1, BODY_MAX_BYTES - 1, BODY_MAX_BYTES, BODY_MAX_BYTES + 1])
def test_a_long_command_goes_in_numbered_packets(length: int) -> None:
    command = b"\x03" + b"x" * (length - 1)

    sent = framed(command)

    lengths: list[int] = []
    at = 0
    while at < len(sent):
        assert sent[at + 3] == len(lengths)
        lengths.append(int.from_bytes(sent[at : at + 3], "little"))
        at += 4 + lengths[-1]
    assert sum(lengths) == length
    assert lengths[-1] < BODY_MAX_BYTES
    assert len(lengths) == packets_of(command)
