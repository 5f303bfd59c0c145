"""How many bytes a driver has taken out of a TCP socket; Linux alone can say.

libpq keeps a row until it is whole, and a row may have a gigabyte: so we look while it comes.
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


class Meter:
    """Counts what is taken from now on; a socket that cannot tell counts as nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # What waits already will be taken later, and counts then.
        self._taken_before = self._arrived_bytes() - self._waiting_bytes()

    def exceeds(self, limit_bytes: int) -> bool:
        """Return whether more than *limit_bytes* were taken."""
        arrived = self._arrived_bytes() - self._taken_before
        return arrived > limit_bytes and arrived - self._waiting_bytes() > limit_bytes

    def _arrived_bytes(self) -> int:
        # Detached at once: the descriptor is the driver's.
        view = socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=self._descriptor)
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
