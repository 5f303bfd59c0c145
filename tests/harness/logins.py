"""Login machines in tests: a server that follows a script, and one at the end of a real socket."""

import base64
import hashlib
import hmac
import io
import socket
import struct
from collections.abc import Callable, Generator
from typing import Final, TypeVar

from vault.login.postgres_authentication import Terms
from vault.login.steps import Receive, Send, StartTls, Step

T = TypeVar("T")
Machine = Generator[Step, bytes, T]

NONCE: Final = "fyko+d2lbbFgONRv9qkxdawL"
SALT: Final = b"sixteen bytes ok"
CHALLENGE: Final = b"r=%b3rfcNHYJY1ZVvWVs7j,s=%b,i=4096" % (NONCE.encode(), base64.b64encode(SALT))
PASSWORD: Final = b":@/%' \"\\ q9"


STRICT: Final = Terms(minimum="scram-sha-256")
"""The terms of a connection whose configuration says nothing of them."""


def message(kind: bytes, body: bytes = b"") -> bytes:
    """Return one message in PostgreSQL's framing."""
    return kind + struct.pack("!I", len(body) + 4) + body


def asks(code: int, rest: bytes = b"") -> bytes:
    """Return an Authentication message."""
    return message(b"R", struct.pack("!I", code) + rest)


def error(sqlstate: bytes) -> bytes:
    """Return an ErrorResponse with a text that nobody may repeat."""
    return message(b"E", b"SFATAL\0VFATAL\0C%b\0Msome text of the server\0\0" % sqlstate)


def _signature() -> bytes:
    # What a server that knows the password says of itself, computed apart from our own code.
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD, SALT, 4096)
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    without_proof = b"c=biws," + CHALLENGE.split(b",")[0]
    transcript = b",".join([b"n=", b"r=" + NONCE.encode(), CHALLENGE, without_proof])
    return base64.b64encode(hmac.digest(server_key, transcript, "sha256"))


# The messages of a login with PASSWORD and NONCE, one by one.
OFFER: Final = asks(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
CONTINUE: Final = asks(11, CHALLENGE)
FINAL: Final = asks(12, b"v=" + _signature())
LET_IN: Final = asks(0)
LOGIN: Final = OFFER + CONTINUE + FINAL + LET_IN
PARAMETER: Final = message(b"S", b"server_version\x0018.6\0")
KEY: Final = message(b"K", struct.pack("!i4s", 4711, b"\x00key"))
NOTICE: Final = message(b"N", b"SWARNING\0Mhello\0\0")
READY: Final = message(b"Z", b"I")


class Script:
    """A server that says the same whatever it hears, then closes the connection.

    Its TLS is a certificate and no more: what is inside is said and heard as it is.
    """

    def __init__(self, says: bytes, certificate: bytes = b"") -> None:
        self._says = io.BytesIO(says)
        self._certificate = certificate
        self.heard: list[bytes] = []
        self.in_the_open: list[bytes] | None = None
        """What it had heard when TLS began; None where that did not happen."""
        self.asked_bytes: list[int] = []

    def obey(self, step: Step) -> bytes:
        """Answer one step."""
        match step:
            case Send(data):
                # A copy: the machine may overwrite what it has sent.
                self.heard.append(bytes(data))
                return b""
            case Receive(exactly_bytes):
                self.asked_bytes.append(exactly_bytes)
                return self._says.read(exactly_bytes)
            case StartTls():
                self.in_the_open = [*self.heard]
                return self._certificate

    def left(self) -> bytes:
        """Return what it would have said next."""
        return self._says.read()


def over(connection: socket.socket) -> Callable[[Step], bytes]:
    """Return what answers steps by way of a blocking socket."""

    def obey(step: Step) -> bytes:
        match step:
            case Send(data):
                connection.sendall(data)
                return b""
            case Receive(exactly_bytes):
                return connection.recv(exactly_bytes, socket.MSG_WAITALL)
            case StartTls():
                raise AssertionError("nothing here speaks TLS")

    return obey


def carried(machine: Machine[T], obey: Callable[[Step], bytes]) -> T:
    """Run *machine* to its end and return its result."""
    step = next(machine)
    while True:
        try:
            step = machine.send(obey(step))
        except StopIteration as done:
            result: T = done.value
            return result
