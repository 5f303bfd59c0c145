"""Carries a login machine's bytes over one socket, within a deadline.

While it waits it also watches those whose death makes the login pointless: the vault and, by the
death pipe, the supervisor.
"""

import contextlib
import os
import select
import socket
import time
from collections.abc import Generator
from typing import Final, TypeAlias, TypeVar

from vault.login.refusals import LoginRefusedError, Stage
from vault.login.steps import Receive, Send
from vault.targets import may_connect, may_look_up, parsed
from wire.lending import AllowedTarget

T = TypeVar("T")

Place: TypeAlias = tuple[socket.AddressFamily, str | tuple[str | int, ...]]
"""Where a socket connects to."""

KEEPALIVE_IDLE_S: Final = 60
USER_TIMEOUT_MS: Final = 30_000
"""A peer that acknowledges nothing for so long is gone (RFC 5482)."""


class OrphanedError(Exception):
    """Vault or supervisor is gone; there is nobody to log in for."""


class Carrier:
    """One connection to a database server, and the clock."""

    def __init__(self, *, deadline: float, lifelines: tuple[int, ...]) -> None:
        self._deadline = deadline
        self._poll = select.poll()
        for lifeline in lifelines:
            # No event asked for: a hang-up is always reported.
            self._poll.register(lifeline, 0)
        self.socket: socket.socket | None = None

    def connect(
        self, host: str, port: int, allowed: tuple[AllowedTarget, ...] | None = None
    ) -> None:
        """Connect to *host*, which is a name, an address, or the directory of a Unix socket.

        With *allowed* it is looked up once, and connected to where all of these agree only.
        """
        failure = "no address was found for the host"
        places = _places(host, port) if allowed is None else _allowed_places(host, port, allowed)
        for family, address in places:
            made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            made.settimeout(0)
            self.socket = made
            try:
                return self._reach(made, address)
            except OSError as error:
                failure = os.strerror(error.errno) if error.errno else "no connection"
                made.close()
        raise LoginRefusedError(Stage.CONNECT, f"The server could not be reached: {failure}.")

    def _reach(self, made: socket.socket, address: str | tuple[str | int, ...]) -> None:
        with contextlib.suppress(BlockingIOError):
            made.connect(address)
        self._wait(select.POLLOUT, Stage.CONNECT)
        if error := made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, "connect")
        if made.family != socket.AF_UNIX:
            _tune(made)

    def drive(self, machine: Generator[Send | Receive, bytes, T], stage: Stage) -> T:
        """Carry the machine's bytes until it returns; *stage* names what a cut connection broke."""
        with contextlib.closing(machine):
            step = next(machine)
            while True:
                answer = self._obey(step, stage)
                try:
                    step = machine.send(answer)
                except StopIteration as end:
                    result: T = end.value
                    return result

    def _obey(self, step: Send | Receive, stage: Stage) -> bytes:
        try:
            if isinstance(step, Send):
                self._send(step.data, stage)
                return b""
            return self._receive(step.exactly_bytes, stage)
        except OSError:
            raise LoginRefusedError(stage, "The server cut the connection.") from None

    def _send(self, data: bytes | bytearray, stage: Stage) -> None:
        rest = memoryview(data)
        while rest:
            self._wait(select.POLLOUT, stage)
            rest = rest[self._open.send(rest, socket.MSG_NOSIGNAL) :]

    def _receive(self, wanted_bytes: int, stage: Stage) -> bytes:
        got = bytearray()
        while len(got) < wanted_bytes:
            self._wait(select.POLLIN, stage)
            part = self._open.recv(wanted_bytes - len(got))
            if not part:
                break
            got += part
        return bytes(got)

    def send_last(self, data: bytes) -> None:
        """Send *data* and wait until the server closes the connection: it has read it then."""
        try:
            self._send(data, Stage.END_SESSION)
            while self._receive(1, Stage.END_SESSION):
                pass
        except OSError:
            return

    @property
    def _open(self) -> socket.socket:
        if self.socket is None:
            raise LoginRefusedError(Stage.CONNECT, "There is no connection.")
        return self.socket

    def _wait(self, event: int, stage: Stage) -> None:
        own = self._open.fileno()
        self._poll.register(own, event)
        try:
            left_ms = max(0, int((self._deadline - time.monotonic()) * 1000))
            ready = self._poll.poll(left_ms)
        finally:
            self._poll.unregister(own)
        if any(descriptor != own for descriptor, _ in ready):
            raise OrphanedError
        if not ready:
            raise LoginRefusedError(stage, "The server did not answer within the time allowed.")


def _allowed_places(host: str, port: int, allowed: tuple[AllowedTarget, ...]) -> list[Place]:
    places = _places(host, port) if may_look_up(host, port, allowed) else []
    kept = [
        place
        for place in places
        if (address := parsed(str(place[1][0]))) and may_connect(host, port, address, allowed)
    ]
    if not kept:
        raise LoginRefusedError(Stage.TARGET, "No client may name this server.")
    return kept


def _places(host: str, port: int) -> list[Place]:
    if host.startswith("/"):
        return [(socket.AF_UNIX, f"{host}/.s.PGSQL.{port}")]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise LoginRefusedError(Stage.CONNECT, "The server's name could not be resolved.") from None
    return [(family, (str(address[0]), port, *address[2:])) for family, _, _, _, address in found]


def _tune(made: socket.socket) -> None:
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
