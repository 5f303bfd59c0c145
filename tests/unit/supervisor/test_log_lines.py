"""What processes write to their standard error: events are taken, all else is told by its size."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.log_lines import WINDOW_BYTES, WINDOW_S, Heard, LeftOut, LogLines, Said, Stray
from supervisor.log_pipe import LogPipe
from supervisor.watch import Watch
from wire.logs import LINE_BYTES, Head, Log, Scalar, line_of
from wire.names import Incarnation

VAULT = Incarnation("vault-1.5f3a9c21")


def a_line(event: str = "peer", **fields: Scalar) -> bytes:
    return line_of("json", Head(0.0, "info", "anybody", event), fields)


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def heard(data: bytes, *, words: bool = False) -> list[Heard]:
    lines = LogLines()
    return [*lines.feed(data, now=0.0, words=words), *lines.end(words=words)]


def test_an_event_keeps_its_level_and_fields_but_not_its_name_and_time() -> None:
    assert heard(a_line(n=1, at=None)) == [Said("info", "peer", {"n": 1, "at": None})]


@pytest.mark.parametrize(
    "line",
    [
        b"Traceback (most recent call last):",
        b"{}",
        b"[1]",
        b'{"level":"info","event":1}',
        b'{"level":"info","event":"a b"}',
        b'{"level":"info","event":"\\u001b[2J"}',
        b'{"level":"debug","event":"peer"}',
        b'{"level":"info","event":"peer","rows":[1]}',
        b'{"level":"info","event":"peer","a b":1}',
        b'{"level":"info","event":"peer","n":' + b"9" * 5000 + b"}",
        b'{"level":"info","event":"peer","n":"\xff"}',
        b"{" * 3000,
        json.dumps({"level": "info", "event": "peer"} | {f"f{n}": n for n in range(17)}).encode(),
    ],
)
def test_what_is_no_event_of_ours_is_told_by_its_size(line: bytes) -> None:
    assert heard(line + b"\n") == [Stray(1, len(line), None)]


def test_words_are_told_only_where_they_may_be() -> None:
    said = b"Traceback:\n  File x\nModuleNotFoundError: No module named 'zmq'\n"

    (stray,) = heard(said, words=True)

    assert stray == Stray(3, len(said) - 3, "ModuleNotFoundError: No module named 'zmq'")


def test_a_line_without_end_is_not_kept_and_does_not_hide_the_next() -> None:
    lines = LogLines()

    first = lines.feed(b"x" * 10_000, now=0.0, words=False)
    more = [lines.feed(b"x" * 10_000, now=0.0, words=False) for _ in range(3)]
    last = lines.feed(b"x\n" + a_line(), now=0.0, words=False)

    assert first == [Stray(1, 10_000, None)]
    assert len(lines._rest) <= LINE_BYTES
    assert more[1:] == [[Stray(1, 10_000, None)]] * 2
    assert last == [Said("info", "peer", {})]


def test_a_flood_is_cut_off_and_counted_and_the_next_window_begins_anew() -> None:
    lines, line = LogLines(), a_line(n=1)
    flood = line * (WINDOW_BYTES // len(line))

    lines.feed(flood, now=0.0, words=False)
    beyond = lines.feed(line * 1000, now=1.0, words=False)
    later = lines.feed(line, now=WINDOW_S, words=False)

    assert beyond == []
    assert later == [LeftOut(len(line) * 1000), Said("info", "peer", {"n": 1})]


@given(st.binary(max_size=300), st.integers(1, 40))
def test_it_does_not_matter_in_which_pieces_the_lines_come(data: bytes, size: int) -> None:
    stream = data + b"\n" + a_line(n=7) + data
    lines = LogLines()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]

    found = [one for piece in pieces for one in lines.feed(piece, now=0.0, words=False)]
    found += lines.end(words=False)

    assert Said("info", "peer", {"n": 7}) in found
    assert sum(one.size_bytes for one in found if isinstance(one, Stray)) <= 2 * len(data)


@pytest.fixture
def watch() -> Iterator[Watch]:
    made = Watch()
    yield made
    made.close()


def test_a_pipe_stamps_what_comes_with_who_it_is_from_and_takes_the_last_words(
    watch: Watch, capfd: pytest.CaptureFixture[str]
) -> None:
    pipe = LogPipe(VAULT, words=True, watch=watch, log=Log("supervisor", form="json"))
    writing = pipe.open(os.dup)

    os.write(writing, a_line(n=1) + b"No module\x1b[2J\n")
    watch.turn()
    pipe.no_words()
    os.write(writing, b"password\nlast words")
    pipe.close()
    os.close(writing)

    events = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(one["process"], one["event"]) for one in events] == [
        (VAULT, "peer"),
        ("supervisor", "stray_output"),
        ("supervisor", "stray_output"),
        ("supervisor", "stray_output"),
    ]
    assert [one.get("last") for one in events] == [None, "No module\x1b[2J", None, None]


def test_a_start_that_fails_leaves_no_pipe_behind(watch: Watch) -> None:
    pipe = LogPipe(VAULT, words=True, watch=watch, log=Log("supervisor", form="json"))
    before = descriptors()

    def fail(stderr: int) -> None:
        raise BlockingIOError(stderr)

    with pytest.raises(BlockingIOError):
        pipe.open(fail)

    assert descriptors() == before
