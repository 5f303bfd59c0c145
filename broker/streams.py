"""Lines over a client's own standard streams, whatever kind of descriptor they are.

The open file behind such a descriptor is shared with the client, perhaps with its shell, so its
O_NONBLOCK flag is not ours to set. Instead nothing is done that could block: one read when there is
something to read, and writes of no more than PIPE_BUF when there is room (POSIX, write()).
"""

import asyncio
import os
import select
from collections.abc import Callable
from typing import Final

from broker.wiped import Wiped, wipe

LINE_MAX_BYTES: Final = 4 << 20
_READ_BYTES: Final = 1 << 16
_LEAST_BYTES: Final = 1 << 12


class LineTooLongError(ValueError):
    """A line is longer than the limit; what follows it is read as usual."""


class LineReader:
    """Reads lines from one descriptor, in memory that is overwritten when it is done with."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = Wiped(_READ_BYTES)
        self._start = self._end = self._searched = 0
        """Where that is which is no line yet, and up to where it has no end of one."""
        self._skipping = False

    async def read(self) -> Wiped | None:
        """Return the next line without its end, or None at the end of the stream.

        Raises LineTooLongError once for each line that is.
        """
        while True:
            end = self._buffer.find(b"\n", self._searched, self._end)
            if end >= 0:
                line = self._cut(end)
                if line is not None:
                    return line
                continue
            self._searched = self._end
            if self._end - self._start > LINE_MAX_BYTES:
                self._drop()
            self._make_room()
            if not await self._receive():
                return None

    def _cut(self, end: int) -> Wiped | None:
        """Take the line that ends at *end* out of the buffer; None for the rest of a long one."""
        with memoryview(self._buffer)[self._start : end] as view:
            line = Wiped(view)
            wipe(view)
        self._start = self._searched = end + 1
        if self._skipping:
            self._skipping = False
            return None
        if len(line) > LINE_MAX_BYTES:
            raise LineTooLongError
        return line

    def _drop(self) -> None:
        self._buffer = Wiped(_READ_BYTES)
        self._start = self._end = self._searched = 0
        if not self._skipping:
            self._skipping = True
            raise LineTooLongError

    def _make_room(self) -> None:
        """Have room behind what is there: if need be, in a buffer for as much again."""
        size_bytes = self._end - self._start
        is_large = size_bytes == 0 and len(self._buffer) > _READ_BYTES
        if len(self._buffer) - self._end >= _LEAST_BYTES and not is_large:
            return
        moved = Wiped(max(_READ_BYTES, 2 * size_bytes))
        with memoryview(moved) as to, memoryview(self._buffer) as view:
            to[:size_bytes] = view[self._start : self._end]
        self._buffer = moved
        self._searched -= self._start
        self._start, self._end = 0, size_bytes

    async def _receive(self) -> int:
        """Add what is to be read; return how much, 0 at the end of the stream."""
        loop = asyncio.get_running_loop()
        await _until(loop.add_reader, loop.remove_reader, self._descriptor)
        with memoryview(self._buffer)[self._end : self._end + _READ_BYTES] as room:
            try:
                size_bytes = os.readv(self._descriptor, [room])
            except (ConnectionResetError, OSError):
                # A terminal that hung up reads as an error; it is the end of the stream all the
                # same.
                return 0
        self._end += size_bytes
        return size_bytes


class LineWriter:
    """Writes lines to one descriptor, each of them whole."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._one_at_a_time = asyncio.Lock()

    async def write(self, line: bytes) -> None:
        """Write *line* and its end; raise BrokenPipeError when nobody reads any more."""
        async with self._one_at_a_time:
            view = memoryview(line + b"\n")
            while view:
                await self._until_room()
                view = view[os.write(self._descriptor, view[: select.PIPE_BUF]) :]

    async def _until_room(self) -> None:
        if self._room.poll(0):
            return
        loop = asyncio.get_running_loop()
        await _until(loop.add_writer, loop.remove_writer, self._descriptor)


async def _until(
    watch: Callable[[int, Callable[[], None]], None],
    forget: Callable[[int], bool],
    descriptor: int,
) -> None:
    """Wait until *watch* calls; at once where a descriptor is always ready, as a file is."""
    ready = asyncio.Event()
    try:
        watch(descriptor, ready.set)
    except PermissionError:
        # epoll has no use for regular files and /dev/null: they never block.
        await asyncio.sleep(0)
        return
    try:
        await ready.wait()
    finally:
        forget(descriptor)
