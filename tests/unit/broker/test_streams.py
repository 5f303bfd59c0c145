import asyncio
import fcntl
import os
import pty
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.streams import LINE_MAX_BYTES, LineReader, LineTooLongError, LineWriter

WITHIN_S = 10.0


async def next_line(reader: LineReader) -> bytes | None:
    line = await asyncio.wait_for(reader.read(), WITHIN_S)
    return None if line is None else bytes(line)


async def all_lines(descriptor: int) -> list[bytes]:
    reader = LineReader(descriptor)
    lines = []
    while (line := await next_line(reader)) is not None:
        lines.append(line)
    return lines


def test_of_lines_that_were_taken_nothing_is_left_in_the_reader() -> None:
    async def run() -> bytes:
        read, write = os.pipe()
        reader = LineReader(read)
        for _ in range(50):
            os.write(write, b"secret" * 300 + b"\n" + b"secret\nrest")
            assert await next_line(reader) is not None
            assert await next_line(reader) is not None
        for descriptor in (read, write):
            os.close(descriptor)
        return bytes(reader._buffer)

    assert asyncio.run(run()).replace(b"rest", b"").strip(b"\0\n") == b""


@settings(deadline=None)
@given(st.lists(st.integers(0, 200_000), max_size=6), st.integers(1, 100_000))
def test_lines_of_any_length_come_out_whole(sizes: list[int], part_bytes: int) -> None:
    expected = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
    content = b"".join(line + b"\n" for line in expected)

    async def run() -> list[bytes]:
        read, write = os.pipe()
        reading = asyncio.create_task(all_lines(read))

        def write_all() -> None:
            with open(write, "wb", buffering=0) as stream:  # noqa: PTH123 - a descriptor
                starts = range(0, len(content), part_bytes)
                stream.writelines(content[at : at + part_bytes] for at in starts)

        await asyncio.to_thread(write_all)
        try:
            return await reading
        finally:
            os.close(read)

    assert asyncio.run(run()) == expected


def test_lines_come_out_however_they_were_cut_on_the_way() -> None:
    async def run() -> list[bytes]:
        read, write = os.pipe()
        reading = asyncio.create_task(all_lines(read))
        for part in (b"on", b"e\ntwo\nth", b"", b"ree", b"\n\n", b"rest without an end"):
            os.write(write, part)
            await asyncio.sleep(0)
        os.close(write)
        try:
            return await reading
        finally:
            os.close(read)

    assert asyncio.run(run()) == [b"one", b"two", b"three", b""]


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"a\nb\n")
    with path.open("rb") as file:
        assert asyncio.run(all_lines(file.fileno())) == [b"a", b"b"]


def test_the_null_device_is_at_its_end_at_once() -> None:
    descriptor = os.open(os.devnull, os.O_RDONLY)

    assert asyncio.run(all_lines(descriptor)) == []

    os.close(descriptor)


def test_a_line_over_the_limit_is_told_once_and_what_follows_is_read() -> None:
    async def run() -> bytes | None:
        read, write = os.pipe()
        reader = LineReader(read)
        longer = b"x" * (2 * LINE_MAX_BYTES + 5) + b"\nnext\n"
        writing = asyncio.create_task(LineWriter(write).write(longer))
        with pytest.raises(LineTooLongError):
            await reader.read()
        line = await next_line(reader)
        await writing
        for descriptor in (read, write):
            os.close(descriptor)
        return line

    assert asyncio.run(run()) == b"next"


@pytest.mark.parametrize("kind", ["pipe", "socket", "terminal"])
def test_lines_cross_every_kind_of_descriptor_and_its_flags_stay(kind: str) -> None:
    async def run() -> tuple[bytes | None, bool]:
        read, write = descriptors(kind)
        await LineWriter(write).write(b"hello")
        line = await next_line(LineReader(read))
        blocking = [not fcntl.fcntl(end, fcntl.F_GETFL) & os.O_NONBLOCK for end in (read, write)]
        for descriptor in (read, write):
            os.close(descriptor)
        return line, all(blocking)

    assert asyncio.run(run()) == (b"hello", True)


def descriptors(kind: str) -> tuple[int, int]:
    if kind == "pipe":
        return os.pipe()
    if kind == "terminal":
        master, terminal = pty.openpty()
        return terminal, master
    one, other = socket.socketpair()
    return one.detach(), other.detach()


def test_a_line_larger_than_a_pipe_is_written_while_it_is_read() -> None:
    async def run() -> bytes | None:
        read, write = os.pipe()
        line, _ = await asyncio.gather(
            next_line(LineReader(read)), LineWriter(write).write(b"y" * (1 << 20))
        )
        for descriptor in (read, write):
            os.close(descriptor)
        return line

    assert asyncio.run(run()) == b"y" * (1 << 20)


def test_a_reader_that_is_gone_breaks_the_pipe() -> None:
    async def run() -> None:
        read, write = os.pipe()
        os.close(read)
        with pytest.raises(BrokenPipeError):
            await LineWriter(write).write(b"x")
        os.close(write)

    asyncio.run(run())
