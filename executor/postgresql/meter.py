"""How many bytes a driver has taken out of a socket; Linux alone can say.

libpq keeps a row until it is whole, and a row may have a gigabyte: so we look while it comes. A
server's own socket counts what has arrived. A relay's, which is a Unix socket, counts nothing; but
it has a peek offset (socket(7), SO_PEEK_OFF), and the kernel takes from that what is read without
peeking. Nobody peeks here: so it is set once, as high as it goes, and is a counter downwards.
"""

import fcntl
import socket
import struct
import termios
from typing import Final

_BYTES_RECEIVED_AT: Final = 128
"""tcpi_bytes_received in struct tcp_info (linux/tcp.h), since Linux 4.1."""
_COUNT: Final = struct.Struct("=Q")
_INT: Final = struct.Struct("=i")

_SO_PEEK_OFF: Final = 42
"""asm-generic/socket.h; Python has no name for it."""
_PEEK_OFF_MAX: Final = (1 << 31) - 1


class Meter:
    """Counts what is taken from now on; a socket that cannot tell counts as nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_relayed = self._start_counter()
        self._taken_before = self._taken_bytes()

    def exceeds(self, limit_bytes: int) -> bool:
        """Return whether more than *limit_bytes* were taken.

        Also once a relay's counter is at its end: that is two gigabytes.
        """
        if self._is_relayed:
            taken_bytes = self._taken_bytes()
            is_at_end = taken_bytes == _PEEK_OFF_MAX
            return is_at_end or taken_bytes - self._taken_before > limit_bytes
        arrived = self._arrived_bytes() - self._taken_before
        return arrived > limit_bytes and arrived - self._waiting_bytes() > limit_bytes

    def _start_counter(self) -> bool:
        """Return whether this is a relay's socket, which counts from now on, or does already."""
        view = _view_of(self._descriptor)
        try:
            if view.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) != socket.AF_UNIX:
                return False
            if view.getsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF) < 0:
                view.setsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF, _PEEK_OFF_MAX)
            return True
        finally:
            view.detach()

    def _taken_bytes(self) -> int:
        if not self._is_relayed:
            # What waits already will be taken later, and counts then.
            return self._arrived_bytes() - self._waiting_bytes()
        view = _view_of(self._descriptor)
        try:
            return _PEEK_OFF_MAX - view.getsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF)
        finally:
            view.detach()

    def _arrived_bytes(self) -> int:
        view = _view_of(self._descriptor)
        try:
            described = view.getsockopt(
                socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED_AT + _COUNT.size
            )
        except OSError:
            return 0
        finally:
            view.detach()
        if len(described) < _BYTES_RECEIVED_AT + _COUNT.size:
            return 0
        (count,) = _COUNT.unpack_from(described, _BYTES_RECEIVED_AT)
        return int(count)

    def _waiting_bytes(self) -> int:
        buffer = bytearray(_INT.size)
        fcntl.ioctl(self._descriptor, termios.FIONREAD, buffer)
        return int(_INT.unpack(buffer)[0])


def _view_of(descriptor: int) -> socket.socket:
    """Return a socket object to be detached again: the descriptor is the driver's."""
    # Without a family it would ask the kernel for it, each time; nobody looks at it.
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=descriptor)
