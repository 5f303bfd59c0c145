"""A vault and its logins for the executor's tests: real packets, real logins on a real server."""

import contextlib
import queue
import secrets
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Self, TypeAlias, TypeVar

from tests.harness.logins import STRICT, carried, over
from tests.harness.postgres import PostgresServer
from vault.login.postgres import PostgresTarget, cancel, log_in
from wire.codec import ACCEPTED, FROM_BORROWER, encode
from wire.faults import Fault
from wire.lending import (
    Borrow,
    FromBorrower,
    HandedOver,
    Interrupt,
    NotHandedOver,
    PostgresSession,
    Session,
    ToBorrower,
)
from wire.names import Handle
from wire.packets import PeerGoneError, close_all, receive_packet, send_packet, socket_pair

M = TypeVar("M", bound=FromBorrower)
Refuses: TypeAlias = Callable[[Borrow], Fault | None]

SETTLED_S = 10.0


class LogsIn(Protocol):
    """Logs one user of some server in, over and over."""

    def log_in(self) -> tuple[socket.socket, Session]:
        """Return a logged-in socket and what its driver must know of its session."""

    def cancel(self, session: Session) -> None:
        """Cancel what runs in a session, and wait until the server has read that."""


class Login:
    """Logs one role in, over and over."""

    def __init__(self, server: PostgresServer, user: str, password: str) -> None:
        self.server = server
        self.user = user
        self._password = password
        self._keys: dict[int, bytes] = {}

    def log_in(self) -> tuple[socket.socket, PostgresSession]:
        """Return a logged-in socket and what its driver must know of its session."""
        connection = self._dial()
        target = PostgresTarget(user=self.user, database="postgres", application_name="strongroom")
        password = bytearray(self._password.encode())
        machine = log_in(target, password, nonce=secrets.token_urlsafe(18), terms=STRICT)
        logged_in = carried(machine, over(connection))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(0)
        session = logged_in.session
        assert isinstance(session, PostgresSession)
        self._keys[session.backend_id] = logged_in.cancel_key
        return connection, session

    def cancel(self, session: Session) -> None:
        """Cancel what runs in a session, and wait until the server has read that."""
        with self._dial() as connection:
            key = self._keys[session.backend_id]
            carried(cancel(session.backend_id, key, terms=STRICT), over(connection))
            connection.recv(1)

    def _dial(self) -> socket.socket:
        return socket.create_connection((self.server.host, self.server.port), timeout=SETTLED_S)


class StandInVault:
    """Lends to one executor in a thread of its own, and remembers what it heard."""

    def __init__(self, login: LogsIn) -> None:
        self._login = login
        self._sessions: dict[Handle, Session] = {}
        self._link, self._executors_end = socket_pair()
        self._thread = threading.Thread(target=self._serve)
        self.heard: queue.Queue[FromBorrower] = queue.Queue()
        self.lent: list[Handle] = []
        self.refuses: Refuses = lambda _borrow: None
        self.logins_to_kill = 0
        """That many logins die instead of handing over."""
        self.obeys_interrupts = True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.die()

    def executors_end(self) -> int:
        """Return the descriptor for the executor, which then owns it."""
        return self._executors_end.detach()

    def die(self) -> None:
        """Close the pair, as the kernel does for a process that was killed."""
        self._executors_end.close()
        if self._link.fileno() >= 0:
            self._link.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            self._link.close()

    def tell(self, message: ToBorrower) -> None:
        """Say something to the executor."""
        send_packet(self._link, encode(message))

    def next_of(self, kind: type[M]) -> M:
        """Return the next message of that kind, and drop those before it."""
        while True:
            message = self.heard.get(timeout=SETTLED_S)
            if isinstance(message, kind):
                return message

    def backend(self, handle: Handle) -> int:
        """Return the server's process behind a lent connection."""
        return self._sessions[handle].backend_id

    def _serve(self) -> None:
        with contextlib.suppress(PeerGoneError):
            self._serve_until_the_end()

    def _serve_until_the_end(self) -> None:
        while True:
            packet = receive_packet(self._link)
            message = FROM_BORROWER.decode(packet.content)
            if isinstance(message, Borrow):
                with socket.socket(fileno=packet.descriptors[0]) as handover:
                    self._lend(message, handover)
            else:
                close_all(packet.descriptors)
            if isinstance(message, Interrupt) and self.obeys_interrupts:
                self._login.cancel(self._sessions[message.handle])
            self.heard.put(message)

    def _lend(self, borrow: Borrow, handover: socket.socket) -> None:
        if self.logins_to_kill:
            self.logins_to_kill -= 1
            return
        fault = self.refuses(borrow)
        if fault is not None:
            send_packet(handover, encode(NotHandedOver(fault=fault)))
            return
        connection, session = self._login.log_in()
        handle = Handle(secrets.token_hex(16))
        with connection:
            self._sessions[handle] = session
            self.hand_over(handover, handle, session, connection.fileno())

    def hand_over(
        self, handover: socket.socket, handle: Handle, session: Session, descriptor: int
    ) -> None:
        """Send a session, and see it accepted unless the executor has given up."""
        message = HandedOver(handle=handle, session=session)
        # On record before the executor can use it, as in the vault.
        self.lent.append(handle)
        try:
            send_packet(handover, encode(message), [descriptor])
            ACCEPTED.decode(receive_packet(handover).content)
        except PeerGoneError:
            self.lent.remove(handle)


def open_descriptors() -> int:
    """Return how many descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))
