"""The server's side of a start-up whose login somebody else has done (protocol 3.0); no I/O.

PostgreSQL documentation, chapter "Frontend/Backend Protocol". Whoever connects is welcome: only our
own driver can reach the socket, and it gets to know what the real server has told the login.
"""

import struct
from typing import Final

from wire.lending import PostgresSession

START_UP_MAX_BYTES: Final = 10_000
"""The server's own limit."""

_SSL_REQUEST: Final = 80877103
_GSS_REQUEST: Final = 80877104
_MAJOR: Final = 3
_PROTOCOL_3_0: Final = _MAJOR << 16
_HEAD: Final = struct.Struct("!iI")
_SECRET_BYTES: Final = 4


class StartUpError(Exception):
    """The driver did not say what a driver says."""


class StartUp:
    """One start-up; `answer` takes what the driver sends until `is_over`."""

    def __init__(self, session: PostgresSession, *, secret: bytes) -> None:
        if len(secret) != _SECRET_BYTES:
            raise ValueError("protocol 3.0 has a secret of four bytes")
        self._session = session
        self._secret = secret
        self._pending = b""
        self.is_over = False

    def answer(self, received: bytes) -> bytes:
        """Return what to send now, which is nothing before a message is whole."""
        self._pending += received
        reply = b""
        while not self.is_over and (body := self._next_message()) is not None:
            reply += self._reply(body)
        if self.is_over and self._pending:
            raise StartUpError("the driver went on before it was answered")
        return reply

    def _next_message(self) -> bytes | None:
        if len(self._pending) < _HEAD.size:
            return None
        length = int.from_bytes(self._pending[:4], "big")
        if not _HEAD.size <= length <= START_UP_MAX_BYTES:
            raise StartUpError("a start-up message of an impossible length")
        if len(self._pending) < length:
            return None
        message, self._pending = self._pending[:length], self._pending[length:]
        return message

    def _reply(self, message: bytes) -> bytes:
        _, code = _HEAD.unpack_from(message)
        if code in (_SSL_REQUEST, _GSS_REQUEST):
            return b"N"
        if code >> 16 != _MAJOR:
            raise StartUpError("neither a start-up nor a question before one")
        self.is_over = True
        return self._negotiation(code, message[_HEAD.size :]) + self._welcome()

    def _negotiation(self, code: int, body: bytes) -> bytes:
        names = body.split(b"\0")[:-1:2]
        unknown = [name for name in names if name.startswith(b"_pq_.")]
        if code == _PROTOCOL_3_0 and not unknown:
            return b""
        listed = b"".join(name + b"\0" for name in unknown)
        return _packed(b"v", struct.pack("!Ii", _PROTOCOL_3_0, len(unknown)) + listed)

    def _welcome(self) -> bytes:
        parameters = [
            _packed(b"S", b"%b\0%b\0" % (_text(name), _text(value)))
            for name, value in self._session.parameters
        ]
        key = struct.pack("!i", self._session.backend_id) + self._secret
        authenticated = _packed(b"R", struct.pack("!i", 0))
        return b"".join([authenticated, *parameters, _packed(b"K", key), _packed(b"Z", b"I")])


def _packed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _text(value: bytes) -> bytes:
    if b"\0" in value:
        raise StartUpError("a session parameter with a NUL")
    return value
