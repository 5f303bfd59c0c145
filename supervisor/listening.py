"""The port that MCP clients connect to.

It is the supervisor's, so that no connection is refused while a gateway restarts.
"""

import errno
import socket
from ipaddress import ip_address
from typing import Final, NamedTuple

BACKLOG: Final = 1024
PORT_MAX: Final = 65535


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    @property
    def shown(self) -> str:
        """Return the address as a URL has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class ListenError(Exception):
    """The port cannot be had; the text is the sentence for the user."""


def parse_address(given: str) -> Address:
    """Return what `--listen` says; raise ListenError unless it is a loopback address and a port."""
    host, _, port = given.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (port.isascii() and port.isdigit() and int(port) <= PORT_MAX and host):
        raise ListenError(f"--listen {given!r} is not HOST:PORT")
    if host == "localhost":
        host = "127.0.0.1"
    try:
        local = ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise ListenError(
            f"cannot listen on {host}: only loopback addresses, until there is TLS for clients"
        )
    return Address(host, int(port))


def listen(address: Address) -> socket.socket:
    """Return a socket that listens on *address*; raise ListenError with one sentence."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections of a system that just stopped linger in TIME_WAIT; they are not in use.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address.host, address.port))
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRINUSE:
            raise ListenError(
                f"port {address.port} on {address.host} is in use; choose another with --listen"
            ) from None
        raise ListenError(f"cannot listen on {address.shown}: {error.strerror}") from None
    made.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    return made


def bound_address(listener: socket.socket) -> Address:
    """Return where *listener* listens; port 0 has become a real one."""
    name = listener.getsockname()
    return Address(str(name[0]), int(name[1]))
