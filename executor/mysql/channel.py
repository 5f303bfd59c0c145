"""What PyMySQL takes for its socket and its file: a lent descriptor, read as a run allows.

All waiting goes through `wait`, which whoever has the connection sets: for a run it heeds the bell,
the deadline and the size of the result.
"""

import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from executor.mysql.packets import (
    BODY_MAX_BYTES,
    HEADER_BYTES,
    Row,
    framed,
    packets_of,
    read_rows,
)
from executor.stopping import LostError

RECEIVE_BYTES: Final = 256 << 10
"""Read at once; what waits in a socket is seldom more."""


class Channel:
    """One end of a session, with what was received and not read yet."""

    def __init__(self, descriptor: int, wait: Callable[[int], int]) -> None:
        """Own *descriptor* from now on."""
        self._socket = socket.socket(fileno=descriptor)
        self._socket.settimeout(0)
        self.wait = wait
        """Takes poll's events and returns when one of them has come, or raises."""
        self.received_bytes = 0
        """All that ever came."""
        self._received = b""
        self._at = 0
        self._number = 0

    def fileno(self) -> int:
        """Return the descriptor, -1 once it is closed."""
        return self._socket.fileno()

    @property
    def has_more(self) -> bool:
        """Return whether something was received that nobody has read."""
        return self._at < len(self._received)

    def say(self, *commands: bytes) -> None:
        """Send commands together; their answers come in the same order."""
        try:
            self.sendall(b"".join(map(framed, commands)))
        except OSError:
            raise LostError from None

    def expect(self, command: bytes) -> None:
        """Expect the answer to *command* next."""
        self._number = packets_of(command)

    def packet(self) -> bytes:
        """Return the body of the next packet, whole; raise LostError when there is none."""
        start = self._at + HEADER_BYTES
        # Most packets lie here whole.
        if start <= len(self._received):
            first, second, third, number = self._received[self._at : start]
            length = first | second << 8 | third << 16
            end = start + length
            if number == self._number and end <= len(self._received) and length < BODY_MAX_BYTES:
                self._at, self._number = end, (number + 1) & 0xFF
                return self._received[start:end]
        return self._packet_in_parts()

    def rows(self, count: int, at_most: int) -> list[Row]:
        """Return the rows of *count* values that come next and need no waiting.

        Raises MalformedError.
        """
        found = read_rows(self._received, self._at, self._number, count=count, at_most=at_most)
        self._at, self._number = found.at, found.number
        return found.rows

    def read(self, size_bytes: int) -> bytes:
        """Return exactly so many bytes; fewer mean that the server has closed the connection."""
        end = self._at + size_bytes
        if end <= len(self._received):
            taken = self._received[self._at : end]
            self._at = end
            return taken
        return self._read_on(size_bytes)

    def sendall(self, data: bytes) -> None:
        """Send all of *data*.

        A server that has closed may have said why before, so that is found out by reading.
        """
        view = memoryview(data)
        with suppress(ConnectionError):
            while view:
                try:
                    view = view[self._socket.send(view) :]
                except BlockingIOError:
                    self.wait(select.POLLOUT)

    def say_goodbye(self, command: bytes) -> None:
        """Send a last command if there is room for it, and close."""
        with suppress(OSError):
            self._socket.send(framed(command))
        self.close()

    def close(self) -> None:
        """Close the descriptor."""
        self._socket.close()

    def _packet_in_parts(self) -> bytes:
        body = self._part()
        if len(body) < BODY_MAX_BYTES:
            return body
        parts = [body]
        while len(parts[-1]) == BODY_MAX_BYTES:
            parts.append(self._part())
        return b"".join(parts)

    def _part(self) -> bytes:
        try:
            header = self.read(HEADER_BYTES)
            if len(header) < HEADER_BYTES or header[3] != self._number:
                raise LostError
            length = int.from_bytes(header[:3], "little")
            body = self.read(length)
        except OSError:
            raise LostError from None
        if len(body) < length:
            raise LostError
        self._number = (self._number + 1) & 0xFF
        return body

    def _read_on(self, size_bytes: int) -> bytes:
        parts = [self._received[self._at :]]
        missing = size_bytes - len(parts[0])
        self._received, self._at = b"", 0
        while missing > 0:
            self.wait(select.POLLIN)
            received = self._receive()
            if not received:
                break
            if len(received) > missing:
                self._received, self._at = received, missing
                received = received[:missing]
            parts.append(received)
            missing -= len(received)
        return b"".join(parts)

    def _receive(self) -> bytes:
        received = self._socket.recv(RECEIVE_BYTES)
        self.received_bytes += len(received)
        return received
