"""A server that does wrong on purpose: it follows a script and remembers every byte that it hears.

The scripts are in `rogue_postgres` and `rogue_mysql`. Each connection gets the same script from its
beginning. When that is over, the rogue says no more, and goes on listening until its client leaves.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Self, TypeAlias

from tests.harness.certificates import Certificate, Certificates
from tests.harness.server_programs import LOOPBACK
from vault.login.refusals import Stage
from wire.names import ChannelBinding

PATIENCE_S: Final = 20.0
"""A client that does nothing for so long is given up, so that no test hangs."""

_READ_BYTES: Final = 64 * 1024
_RESET: Final = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Conversation:
    """One connection, as the rogue remembers it."""

    messages: list[bytes] = field(default_factory=list)
    """What it heard as messages, one by one."""
    heard: bytearray = field(default_factory=bytearray)
    """Every byte but those of TLS itself, decrypted where that is on."""
    hello: bytes = b""
    """What came first where TLS was to begin, as it came."""
    said: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Framing:
    """How messages are cut: a head of so many bytes, from which the length of the rest follows."""

    head_bytes: int
    rest_bytes: Callable[[bytes], int]


@dataclass(frozen=True, slots=True)
class Hear:
    """Wait for one message."""

    framing: Framing


@dataclass(frozen=True, slots=True)
class Say:
    """Send this, or what follows from the conversation; perhaps in pieces of so many bytes."""

    line: bytes | Callable[[Conversation], bytes]
    piece_bytes: int = _READ_BYTES


@dataclass(frozen=True, slots=True)
class Encrypt:
    """Begin TLS, with one of the certificates."""

    certificate: Callable[[Certificates], Certificate]


@dataclass(frozen=True, slots=True)
class HearHello:
    """Wait for the beginning of TLS, and take no part in it."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Cut the connection as a crash does."""


Step: TypeAlias = Hear | HearHello | Say | Encrypt | Reset


@dataclass(frozen=True, slots=True, kw_only=True)
class Rogue:
    """One way to do wrong."""

    name: str
    steps: tuple[Step, ...]
    stage: Stage | None = None
    """Where a login must be refused; None where that depends on the moment."""
    starts_tls: bool = False
    """Whether it is meant for clients that want TLS."""
    hears_proof: bool = False
    """Whether it does what a server may do long enough to get a proof, never the password."""
    channel_binding: ChannelBinding = "prefer"
    """What its client has to ask for to be safe from it."""


def by_pieces(steps: tuple[Step, ...], piece_bytes: int) -> tuple[Step, ...]:
    """Return the same script, with everything said in such pieces."""
    return tuple(
        replace(step, piece_bytes=piece_bytes) if isinstance(step, Say) else step for step in steps
    )


def broken_off(
    steps: tuple[Step, ...],
    *,
    starts_tls: bool,
    how: tuple[Step, ...],
    word: str,
    proof_after: int,
) -> tuple[Rogue, ...]:
    """Return a rogue for each step of an honest script but the first, which stops before it.

    After *proof_after* steps the client has every reason to send its proof.
    """
    return tuple(
        Rogue(
            name=f"{word} before step {number}",
            steps=(*steps[:number], *how),
            starts_tls=starts_tls,
            hears_proof=number >= proof_after,
        )
        for number in range(1, len(steps))
    )


class RogueServer:
    """One rogue on a port of its own; `with` starts it and leaves no thread behind."""

    host: Final = LOOPBACK

    def __init__(self, rogue: Rogue, certificates: Certificates | None = None) -> None:
        self.rogue = rogue
        self.port = 0
        """Where it listens, once it does: any port, since it never comes back to it."""
        self.conversations: list[Conversation] = []
        self._certificates = certificates
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()

    def __enter__(self) -> Self:
        self._listener.bind((self.host, 0))
        self.port = self._listener.getsockname()[1]
        self._listener.listen()
        self._begin(self._accept)
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()

    @property
    def heard(self) -> bytes:
        """Return every byte of every connection, so far."""
        return b"\n".join(bytes(one.heard) for one in self.conversations)

    def wait_until_left(self) -> None:
        """Return when no client of this moment is connected any more: all is remembered then."""
        for thread in self._threads[1:]:
            thread.join(PATIENCE_S)

    def _begin(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=f"rogue: {self.rogue.name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(connection)
            conversation = Conversation()
            self.conversations.append(conversation)
            actor = _Actor(connection, conversation, self._certificates)
            self._begin(partial(actor.play, self.rogue.steps))


class _Actor:
    """Plays a script on one connection."""

    def __init__(
        self,
        connection: socket.socket,
        conversation: Conversation,
        certificates: Certificates | None,
    ) -> None:
        self._connection = connection
        self._conversation = conversation
        self._certificates = certificates

    def play(self, steps: tuple[Step, ...]) -> None:
        """Take each step; then listen until the client leaves."""
        try:
            for step in steps:
                if not self._take(step):
                    break
            self._listen()
        except OSError:
            # The client is gone, or the test is over; what was heard is remembered.
            return
        finally:
            self._connection.close()

    def _take(self, step: Step) -> bool:
        match step:
            case Hear(framing):
                return self._hear(framing)
            case HearHello():
                self._conversation.hello = self._connection.recv(_READ_BYTES)
            case Say(line, piece_bytes):
                self._say(line, piece_bytes)
            case Encrypt(certificate):
                return self._encrypt(certificate)
            case Reset():
                self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self._connection.close()
        return True

    def _hear(self, framing: Framing) -> bool:
        head = self._exactly(framing.head_bytes)
        body = self._exactly(framing.rest_bytes(head)) if len(head) == framing.head_bytes else b""
        self._conversation.messages.append(head + body)
        return len(head) == framing.head_bytes

    def _exactly(self, wanted_bytes: int) -> bytes:
        got = bytearray()
        while len(got) < wanted_bytes and (part := self._connection.recv(wanted_bytes - len(got))):
            got += part
            self._conversation.heard += part
        return bytes(got)

    def _say(self, line: bytes | Callable[[Conversation], bytes], piece_bytes: int) -> None:
        said = line if isinstance(line, bytes) else line(self._conversation)
        self._conversation.said.append(said)
        for start in range(0, len(said), piece_bytes):
            self._connection.sendall(said[start : start + piece_bytes])

    def _encrypt(self, certificate: Callable[[Certificates], Certificate]) -> bool:
        if self._certificates is None:
            raise RuntimeError("this rogue needs certificates")
        shown = certificate(self._certificates)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(shown.chain, shown.key)
        # Whatever is no TLS would be lost in the handshake.
        self._conversation.hello = self._connection.recv(_READ_BYTES, socket.MSG_PEEK)
        try:
            self._connection = context.wrap_socket(
                self._connection, server_side=True, suppress_ragged_eofs=True
            )
        except OSError:
            return False
        return True

    def _listen(self) -> None:
        while part := self._connection.recv(_READ_BYTES):
            self._conversation.heard += part
