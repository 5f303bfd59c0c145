"""Carries a login machine's bytes over one socket, within a deadline, inside TLS once that began.

While it waits it also watches those whose death makes the login pointless: the vault and, by the
death pipe, the supervisor.
"""

import contextlib
import os
import select
import socket
import ssl
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from vault.login.refusals import LoginRefusedError, Stage
from vault.login.steps import Receive, Send, StartTls, Step
from vault.login.tls import NEEDS_17, READ_BYTES, TlsChannel, refusal
from vault.targets import may_connect, may_look_up, parsed
from wire.lending import AllowedTarget, Tls

T = TypeVar("T")

Place: TypeAlias = tuple[socket.AddressFamily, str | tuple[str | int, ...]]
"""Where a socket connects to."""

KEEPALIVE_IDLE_S: Final = 60
"""Well below the few minutes after which firewalls and NAT forget a silent connection."""

USER_TIMEOUT_MS: Final = 30_000
"""A peer that acknowledges nothing for so long is gone (RFC 5482)."""


class OrphanedError(Exception):
    """Vault or supervisor is gone; there is nobody to log in for."""


class Carrier:
    """One connection to a database server, and the clock."""

    def __init__(
        self, *, deadline: float, lifelines: tuple[int, ...], tls: Tls | None = None
    ) -> None:
        self._deadline = deadline
        self._tls = tls
        self._host = ""
        self._poll = select.poll()
        for lifeline in lifelines:
            # No event asked for: a hang-up is always reported.
            self._poll.register(lifeline, 0)
        self.socket: socket.socket | None = None
        self.address: str | None = None
        """The server's, unless it was reached by a Unix socket."""
        self.channel: TlsChannel | None = None
        """What the connection is encrypted by, once it is."""

    def connect(
        self,
        host: str,
        port: int,
        allowed: tuple[AllowedTarget, ...] | None = None,
        *,
        address: str | None = None,
    ) -> None:
        """Connect to *host*, which is a name, an address, a Unix socket, or the directory of one.

        With *allowed* it is looked up once, and connected to where all of these agree only. With
        *address* it is not looked up, and is only who has to be there.
        """
        self._host = host
        failure = "no address was found for the host"
        where = address or host
        for family, place in _allowed_places(host, port, where, allowed):
            made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            made.settimeout(0)
            self.socket = made
            try:
                return self._reach(made, place)
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
            self.address = str(address[0])

    def drive(self, machine: Generator[Step, bytes, T], stage: Stage) -> T:
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

    def _obey(self, step: Step, stage: Stage) -> bytes:
        try:
            match step:
                case Send(data):
                    self._send(data, stage)
                    return b""
                case Receive(exactly_bytes, silence):
                    return self._receive(exactly_bytes, stage, silence)
                case StartTls(alpn):
                    return self._start_tls(alpn)
        except ssl.SSLError as error:
            raise refusal(error) from None
        except OSError:
            raise LoginRefusedError(stage, "The server cut the connection.") from None

    def _start_tls(self, alpn: str | None) -> bytes:
        if self._tls is None:
            raise LoginRefusedError(Stage.ENCRYPT, "Nothing says how to encrypt the connection.")
        channel = TlsChannel(self._tls, self._host, alpn=alpn)
        try:
            self._handshake(channel)
        except LoginRefusedError:
            # The server's log then says what we think of its certificate, if there is room for it.
            with contextlib.suppress(OSError):
                self._open.send(channel.outgoing.read(), socket.MSG_NOSIGNAL)
            raise
        except OSError:
            what = "The server closed the connection instead of encrypting it"
            # Before version 17 it takes the beginning of TLS for a start-up message.
            sentence = f"{what}." if alpn is None else f"{what}; {NEEDS_17}"
            raise LoginRefusedError(Stage.ENCRYPT, sentence) from None
        channel.forget_key()
        self.channel = channel
        return channel.certificate()

    def _handshake(self, channel: TlsChannel) -> None:
        while not channel.handshake():
            self._put(channel.outgoing.read(), Stage.ENCRYPT)
            if not self._fill(channel, Stage.ENCRYPT):
                raise ConnectionResetError
        self._put(channel.outgoing.read(), Stage.ENCRYPT)

    def _send(self, data: bytes | bytearray, stage: Stage) -> None:
        if self.channel is None:
            self._put(data, stage)
        else:
            self.channel.write(data)
            self._put(self.channel.outgoing.read(), stage)

    def _put(self, data: bytes | bytearray, stage: Stage) -> None:
        rest = memoryview(data)
        while rest:
            self._wait(select.POLLOUT, stage)
            rest = rest[self._open.send(rest, socket.MSG_NOSIGNAL) :]

    def _receive(
        self, wanted_bytes: int, stage: Stage, silence: LoginRefusedError | None = None
    ) -> bytes:
        got = bytearray()
        while len(got) < wanted_bytes:
            part = self._take(wanted_bytes - len(got), stage, None if got else silence)
            if not part:
                break
            got += part
        return bytes(got)

    def _take(self, at_most_bytes: int, stage: Stage, silence: LoginRefusedError | None) -> bytes:
        if self.channel is None:
            self._wait(select.POLLIN, stage, silence)
            return self._open.recv(at_most_bytes)
        while (part := self.channel.read(at_most_bytes)) is None:
            # What TLS has to say of itself: a new key is answered with a new key.
            self._put(self.channel.outgoing.read(), stage)
            if not self._fill(self.channel, stage):
                return b""
        return part

    def _fill(self, channel: TlsChannel, stage: Stage) -> bool:
        """Give TLS what the server has sent; return whether that was anything."""
        self._wait(select.POLLIN, stage)
        part = self._open.recv(READ_BYTES)
        channel.incoming.write(part)
        return bool(part)

    def send_last(self, data: bytes) -> None:
        """Send *data* and wait until the server closes the connection: it has read it then."""
        with contextlib.suppress(OSError):
            self._send(data, Stage.END_SESSION)
        self.await_end()

    def await_end(self) -> None:
        """Return when the server has closed the connection."""
        with contextlib.suppress(OSError):
            while self._receive(1, Stage.END_SESSION):
                pass

    @property
    def _open(self) -> socket.socket:
        if self.socket is None:
            raise LoginRefusedError(Stage.CONNECT, "There is no connection.")
        return self.socket

    def _wait(self, event: int, stage: Stage, silence: LoginRefusedError | None = None) -> None:
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
            usual = LoginRefusedError(stage, "The server did not answer within the time allowed.")
            raise silence or usual


def _allowed_places(
    host: str, port: int, where: str, allowed: tuple[AllowedTarget, ...] | None
) -> list[Place]:
    if allowed is None:
        return _places(where, port)
    places = _places(where, port) if may_look_up(host, port, allowed) else []
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
        # PostgreSQL's sockets are known by their directory, MySQL's by themselves.
        path = f"{host}/.s.PGSQL.{port}" if Path(host).is_dir() else host
        return [(socket.AF_UNIX, path)]
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
