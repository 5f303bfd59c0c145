"""A TCP proxy for tests that cuts, stalls or slices what passes between a client and a server."""

import contextlib
import select
import socket
import struct
import threading
from dataclasses import dataclass
from typing import Final, Self

from tests.harness.server_programs import LOOPBACK, free_port

_READ_BYTES: Final = 64 * 1024
_RESET: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What is done to a connection."""

    piece_bytes: int = _READ_BYTES
    """The most that is passed on at once: 1 for one byte at a time."""
    cut_after_up_bytes: int | None = None
    """Reset both ends when so many have passed from the client to the server."""
    cut_after_down_bytes: int | None = None
    """Reset both ends when so many have passed from the server to the client."""


NO_FAULTS: Final = Faults()


class FaultProxy:
    """A proxy before one server, on a port of its own; `with` starts it and ends all it began."""

    host: Final = LOOPBACK

    def __init__(self, upstream_port: int, *, faults: Faults = NO_FAULTS) -> None:
        self.port = free_port()
        self.faults = faults
        """What is done to connections that begin from now on."""
        self._upstream_port = upstream_port
        self._listener = socket.socket()
        self._lock = threading.Lock()
        self._connections: list[_Connection] = []
        self._flows = True
        self._acceptor = threading.Thread(target=self._accept, name="fault proxy", daemon=True)

    def __enter__(self) -> Self:
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.host, self.port))
        self._listener.listen()
        self._acceptor.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        self.cut()

    @property
    def passed_bytes(self) -> tuple[int, int]:
        """Return how much has passed so far: up to the server, and down to clients."""
        with self._lock:
            each = [(one.up.passed_bytes, one.down.passed_bytes) for one in self._connections]
        return sum(up for up, _ in each), sum(down for _, down in each)

    def cut(self) -> None:
        """Reset every connection of this moment; return when that is done."""
        with self._lock:
            connections = list(self._connections)
        for one in connections:
            one.cut()

    def stall(self) -> None:
        """Pass nothing on until `resume`; connections are still taken."""
        self._let_flow(flows=False)

    def resume(self) -> None:
        """Pass on what has waited, and all that comes."""
        self._let_flow(flows=True)

    def _let_flow(self, *, flows: bool) -> None:
        with self._lock:
            self._flows = flows
            for one in self._connections:
                one.let_flow(flows=flows)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((self.host, self._upstream_port))
            except OSError:
                client.close()
                continue
            with self._lock:
                made = _Connection(client, server, self.faults, flows=self._flows)
                self._connections.append(made)
            made.start()


@dataclass(slots=True)
class _Direction:
    """What goes one way."""

    source: socket.socket
    sink: socket.socket
    piece_bytes: int
    cut_after_bytes: int | None
    waiting: bytes = b""
    passed_bytes: int = 0
    is_over: bool = False

    def is_spent(self) -> bool:
        """Return whether as much has passed as may."""
        return self.cut_after_bytes is not None and self.passed_bytes >= self.cut_after_bytes

    def take(self) -> None:
        """Read what there is, once the last of it has been passed on."""
        self.waiting = self.source.recv(_READ_BYTES)
        if not self.waiting:
            self.is_over = True
            self.sink.shutdown(socket.SHUT_WR)

    def give(self) -> None:
        """Pass one piece on."""
        most_bytes = self.piece_bytes
        if self.cut_after_bytes is not None:
            most_bytes = min(most_bytes, self.cut_after_bytes - self.passed_bytes)
        sent_bytes = self.sink.send(self.waiting[:most_bytes])
        self.waiting = self.waiting[sent_bytes:]
        self.passed_bytes += sent_bytes


class _Connection:
    """One connection through the proxy, in a thread of its own."""

    def __init__(
        self, client: socket.socket, server: socket.socket, faults: Faults, *, flows: bool
    ) -> None:
        for end in (client, server):
            end.settimeout(0)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.up = _Direction(client, server, faults.piece_bytes, faults.cut_after_up_bytes)
        self.down = _Direction(server, client, faults.piece_bytes, faults.cut_after_down_bytes)
        self._flows = flows
        self._is_cut = False
        self._bell, self._ringer = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="fault proxy: one", daemon=True)

    def start(self) -> None:
        """Begin to pass bytes on."""
        self._thread.start()

    def let_flow(self, *, flows: bool) -> None:
        """Go on, or stop passing anything on."""
        self._flows = flows
        self._ring()

    def cut(self) -> None:
        """Reset both ends, unless it is over already."""
        self._is_cut = True
        self._ring()
        self._thread.join()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):
            self._ringer.send(b"!")

    def _run(self) -> None:
        # An end that resets is reset at the other end too.
        with contextlib.suppress(OSError):
            while not self._is_cut and not (self.up.is_over and self.down.is_over):
                self._pass_some()
                if self.up.is_spent() or self.down.is_spent():
                    self._is_cut = True
        orderly = self.up.is_over and self.down.is_over and not self._is_cut
        for end in (self.up.source, self.up.sink):
            if not orderly:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.close()
        self._bell.close()
        self._ringer.close()

    def _pass_some(self) -> None:
        live = [one for one in (self.up, self.down) if self._flows and not one.is_over]
        readers = [one.source for one in live if not one.waiting]
        writers = [one.sink for one in live if one.waiting]
        readable, writable, _ = select.select([self._bell, *readers], writers, [])
        if self._bell in readable:
            self._bell.recv(_READ_BYTES)
        for one in live:
            if one.waiting and one.sink in writable:
                one.give()
            elif not one.waiting and one.source in readable:
                one.take()
