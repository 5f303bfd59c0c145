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

LINE_MAX_BYTES: Final = 4 << 20
_READ_BYTES: Final = 1 << 16


class LineTooLongError(ValueError):
    """A line is longer than the limit; what follows it is read as usual."""


class LineReader:
    """Reads lines from one descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = bytearray()
        self._searched = 0
        self._skipping = False

    async def read(self) -> bytes | None:
        """Return the next line without its end, or None at the end of the stream.

        Raises LineTooLongError once for each line that is.
        """
        while True:
            end = self._buffer.find(b"\n", self._searched)
            if end >= 0:
                line = self._cut(end)
                if line is not None:
                    return line
                continue
            self._searched = len(self._buffer)
            if self._searched > LINE_MAX_BYTES:
                self._drop()
            chunk = await self._chunk()
            if not chunk:
                return None
            self._buffer += chunk

    def _cut(self, end: int) -> bytes | None:
        """Take the line that ends at *end* out of the buffer; None for the rest of a long one."""
        line = bytes(memoryview(self._buffer)[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        if self._skipping:
            self._skipping = False
            return None
        if len(line) > LINE_MAX_BYTES:
            raise LineTooLongError
        return line

    def _drop(self) -> None:
        self._buffer.clear()
        self._searched = 0
        if not self._skipping:
            self._skipping = True
            raise LineTooLongError

    async def _chunk(self) -> bytes:
        loop = asyncio.get_running_loop()
        await _until(loop.add_reader, loop.remove_reader, self._descriptor)
        try:
            return os.read(self._descriptor, _READ_BYTES)
        except (ConnectionResetError, OSError):
            # A terminal that hung up reads as an error; it is the end of the stream all the same.
            return b""


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
