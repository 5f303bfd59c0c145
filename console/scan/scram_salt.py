"""Ask a PostgreSQL server for a role's SCRAM salt, which it tells before any password; pure.

That is the first half of a SCRAM-SHA-256 exchange (RFC 5802, section 3; PostgreSQL's protocol,
section 54.3), which is then left. A server makes up a salt for a role that it does not have.
"""

import base64
import binascii
import re
import struct
from dataclasses import dataclass
from typing import Final

MECHANISM: Final = b"SCRAM-SHA-256"
# A server that asks for more than this is keeping us busy; PostgreSQL's own is 4,096.
MAX_ITERATIONS: Final = 1_000_000
MAX_FRAME_BYTES: Final = 1 << 16

SSL_REQUEST: Final = struct.pack(">ii", 8, 80_877_103)
"""What asks for TLS, before anything else (section 54.2.11); one byte answers it."""

_PROTOCOL: Final = 3 << 16
_LENGTH_BYTES: Final = 4  # a length counts itself
_HEAD: Final = struct.Struct(">ci")
_SASL, _SASL_CONTINUE = 10, 11
_SERVER_FIRST: Final = re.compile(rb"r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,6})")
_SQLSTATE: Final = re.compile(rb"(?:^|\x00)C([0-9A-Z]{5})\x00")


class NoSaltError(Exception):
    """The server did not tell; the text is the reason, without the server's words."""


@dataclass(frozen=True, slots=True)
class Salt:
    """What a role's SCRAM keys are made with."""

    content: bytes
    iterations: int


class SaltExchange:
    """One exchange: bytes from the server go in, bytes for it come out, until there is a salt."""

    def __init__(self, user: str, database: str, *, nonce: str) -> None:
        """*nonce* is printable ASCII without a comma."""
        pairs = (b"user", user.encode(), b"database", database.encode(), b"")
        body = struct.pack(">i", _PROTOCOL) + b"\0".join(pairs) + b"\0"
        self.opening: bytes = _framed(body)
        self.salt: Salt | None = None
        self._nonce = nonce.encode()
        self._buffer = b""
        self._has_begun = False

    def feed(self, data: bytes) -> bytes:
        """Return what to send next, perhaps nothing; raise NoSaltError where it leads nowhere."""
        self._buffer += data
        answer = b""
        while self.salt is None and len(self._buffer) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._buffer)
            if not _LENGTH_BYTES <= length <= MAX_FRAME_BYTES:
                raise NoSaltError("the server does not speak PostgreSQL's protocol")
            if len(self._buffer) < length + 1:
                break
            body, self._buffer = self._buffer[5 : length + 1], self._buffer[length + 1 :]
            answer += self._take(kind, body)
        return answer

    def _take(self, kind: bytes, body: bytes) -> bytes:
        if kind == b"E":
            state = _SQLSTATE.search(body)
            raise NoSaltError(f"the server refused: SQLSTATE {state[1].decode() if state else '?'}")
        if kind in {b"N", b"v"}:
            return b""  # a notice, or that it knows an older protocol
        if kind != b"R" or not body:
            raise NoSaltError("the server does not speak PostgreSQL's protocol")
        request = int.from_bytes(body[:4])
        if request == _SASL and not self._has_begun and MECHANISM in body[4:].split(b"\0"):
            self._has_begun = True
            first = b"n,,n=,r=" + self._nonce
            message = MECHANISM + b"\0" + struct.pack(">i", len(first)) + first
            return b"p" + _framed(message)
        if request == _SASL_CONTINUE and self._has_begun:
            self.salt = self._salt_in(body[4:])
            return b""
        raise NoSaltError("the server does not ask this user for SCRAM-SHA-256")

    def _salt_in(self, message: bytes) -> Salt:
        found = _SERVER_FIRST.fullmatch(message)
        if found is None or not found[1].startswith(self._nonce):
            raise NoSaltError("the server's first SCRAM message is malformed")
        iterations = int(found[3])
        if iterations > MAX_ITERATIONS:
            raise NoSaltError(f"the server asks for more than {MAX_ITERATIONS:,} iterations")
        try:
            return Salt(base64.b64decode(found[2], validate=True), iterations)
        except binascii.Error:
            raise NoSaltError("the server's salt is malformed") from None


def _framed(body: bytes) -> bytes:
    return struct.pack(">i", len(body) + _LENGTH_BYTES) + body
