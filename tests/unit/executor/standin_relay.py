"""A rogue database server: a real one, and a relay that changes its words."""

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable
from typing import Final, Self

from tests.unit.executor.standin_vault import SETTLED_S, Login

FLOOD_BYTES: Final = 96 << 20
_NOTICE: Final = b"SWARNING\0C01000\0M%b\0\0" % (b"x" * 1000)
_NOTICES: Final = (b"N" + struct.pack("!I", 4 + len(_NOTICE)) + _NOTICE) * 100


class Relay:
    """Listens on a port of its own, and passes on what is said, each connection in a thread."""

    changes: Callable[[bytes], bytes]
    """What becomes of what the server says."""

    def __init__(self, login: Login) -> None:
        self._server = (login.server.host, login.server.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._open: list[socket.socket] = []
        self.address = self._listener.getsockname()
        self.changes = bytes
        self.floods_at = b""
        """At these words of the client, the server begins to chatter and does not end."""
        self.floods: list[int] = []
        """How many bytes of each flood were taken, socket buffers included."""

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *exception: object) -> None:
        for end in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(SETTLED_S)
        for end in [self._listener, *self._open]:
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._open += [client, server]
                thread = threading.Thread(target=self._carry, args=(client, server))
                self._threads.append(thread)
                thread.start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                for end in select.select([client, server], [], [])[0]:
                    said = end.recv(65_536)
                    if not said:
                        client.shutdown(socket.SHUT_RDWR)
                        server.shutdown(socket.SHUT_RDWR)
                        return
                    if end is server:
                        client.sendall(self.changes(said))
                    elif self.floods_at and self.floods_at in said:
                        self._flood(client)
                        server.shutdown(socket.SHUT_RDWR)
                        return
                    else:
                        server.sendall(said)

    def _flood(self, client: socket.socket) -> None:
        client.settimeout(SETTLED_S)
        sent = 0
        with contextlib.suppress(OSError):
            while sent < FLOOD_BYTES:
                client.sendall(_NOTICES)
                sent += len(_NOTICES)
        self.floods.append(sent)


class RelayedLogin(Login):
    """Logs in by way of a relay."""

    def __init__(self, login: Login, relay: Relay) -> None:
        super().__init__(login.server, login.user, login._password)
        self._relay = relay

    def _dial(self) -> socket.socket:
        return socket.create_connection(self._relay.address, timeout=SETTLED_S)
