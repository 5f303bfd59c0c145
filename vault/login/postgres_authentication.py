"""Prove who we are to a PostgreSQL server, by no weaker way than the connection allows.

The server chooses the way, and what it may choose is a table. Whatever is not in it is refused
before anything derived from the password is sent. A server that asks for nothing is refused under
every minimum: it has not shown that it knows this user, and may be anybody's.
"""

import struct
from collections.abc import Generator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from vault.login import channel_binding, md5
from vault.login import postgres_frames as frames
from vault.login.channel_binding import Binding
from vault.login.refusals import LoginRefusedError, Stage, malformed
from vault.login.scram import ScramClient
from vault.login.steps import Send, Step
from vault.wiping import wipe
from wire.names import ChannelBinding, PostgresAuth

_PASSWORD_MESSAGE: Final = b"p"
_CODE_BYTES: Final = 4


class _Request(IntEnum):
    """What an Authentication message asks for."""

    NOTHING = 0
    CLEARTEXT = 3
    MD5 = 5
    GSS = 7
    SSPI = 9
    SASL = 10
    SASL_CONTINUE = 11
    SASL_FINAL = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a password may be used on one connection."""

    minimum: PostgresAuth
    """The weakest way that will do."""
    starts_tls: bool = False
    """Whether TLS comes first."""
    is_direct: bool = False
    """Whether it comes at once, without PostgreSQL's SSLRequest."""
    is_verified: bool = False
    """Whether TLS shows that the server is who it should be: only then is a password itself sent,
    whatever the minimum. A Unix socket is no substitute: whoever may make one can be the server."""
    channel_binding: ChannelBinding = "prefer"


_PERMITTED: Final[dict[PostgresAuth, frozenset[int]]] = {
    "scram-sha-256": frozenset({_Request.SASL}),
    "md5": frozenset({_Request.SASL, _Request.MD5}),
    "password": frozenset({_Request.SASL, _Request.MD5, _Request.CLEARTEXT}),
}

_REFUSED: Final[dict[int, str]] = {
    _Request.NOTHING: (
        "The server lets anyone in: it did not ask for a password. Have it ask for SCRAM-SHA-256: "
        "in its pg_hba.conf, replace trust by scram-sha-256."
    ),
    _Request.CLEARTEXT: (
        "The server asks for the password itself, which is weaker than this connection allows; "
        'have it ask for SCRAM-SHA-256. Only "auth": "password" would accept that, and only inside '
        "TLS with a verified server."
    ),
    _Request.MD5: (
        "The server asks for MD5, which is weaker than this connection allows; have it store the "
        'password for SCRAM-SHA-256, or accept the weaker login by "auth": "md5".'
    ),
    _Request.GSS: "The server asks for Kerberos instead of a password.",
    _Request.SSPI: "The server asks for SSPI instead of a password.",
}
_IN_THE_OPEN: Final = (
    "The server asks for the password itself, and no TLS shows whose it is: so it is never sent, "
    'whatever "auth" says. Have the server ask for SCRAM-SHA-256, or verify it: "sslmode": '
    '"verify-full".'
)
_UNBOUND: Final = (
    "The server asks for a login that cannot be bound to the TLS connection, and this connection "
    "requires channel binding. Have the server ask for SCRAM-SHA-256."
)


def authenticate(
    user: bytes, password: bytearray, *, nonce: str, terms: Terms, certificate: bytes | None
) -> Generator[Step, bytes, None]:
    """Return when the server has let us in by a way that *terms* permit; raise otherwise.

    *password* is overwritten when it is used; whoever calls does so for all other cases.
    *certificate* is the one that the server showed in TLS, if there is TLS.
    """
    code, rest = yield from _asked()
    _require_permitted(code, terms)
    match code:
        case _Request.MD5:
            yield from _answer(md5.answer(password, user=user, salt=rest))
        case _Request.CLEARTEXT:
            yield from _send_in_clear(password, rest)
        case _:
            binding = channel_binding.choose(_mechanisms(rest), certificate, terms.channel_binding)
            yield from _prove_by_scram(password, nonce, binding)


def _asked() -> Generator[Step, bytes, tuple[int, bytes]]:
    _, body = yield from frames.read(Stage.NEGOTIATE, frames.AUTHENTICATION)
    if len(body) < _CODE_BYTES:
        raise malformed(Stage.NEGOTIATE)
    return int.from_bytes(body[:_CODE_BYTES], "big"), body[_CODE_BYTES:]


def _require_permitted(code: int, terms: Terms) -> None:
    if code not in _PERMITTED[terms.minimum]:
        unknown = "The server asks for a way to log in that we do not know."
        raise LoginRefusedError(Stage.NEGOTIATE, _REFUSED.get(code, unknown))
    if terms.channel_binding == "require" and code != _Request.SASL:
        raise LoginRefusedError(Stage.NEGOTIATE, _UNBOUND)
    if code == _Request.CLEARTEXT and not terms.is_verified:
        raise LoginRefusedError(Stage.NEGOTIATE, _IN_THE_OPEN)


def _answer(proof: bytes) -> Generator[Step, bytes, None]:
    yield Send(frames.pack(_PASSWORD_MESSAGE, proof + b"\0"))
    yield from _let_in(Stage.AUTHENTICATE)


def _send_in_clear(password: bytearray, rest: bytes) -> Generator[Step, bytes, None]:
    if rest:
        raise malformed(Stage.NEGOTIATE)
    # A NUL would end the password early: the server would be told a shorter one.
    if not password or 0 in password:
        raise LoginRefusedError(
            Stage.AUTHENTICATE, "The password is empty or holds a NUL, and cannot be sent."
        )
    head = frames.pack(_PASSWORD_MESSAGE, bytes(len(password) + 1))
    message = bytearray(head)
    message[frames.HEADER_BYTES : -1] = password
    try:
        yield Send(message)
    finally:
        wipe(message)
        wipe(password)
    yield from _let_in(Stage.AUTHENTICATE)


def _prove_by_scram(
    password: bytearray, nonce: str, binding: Binding
) -> Generator[Step, bytes, None]:
    scram = ScramClient(password, nonce=nonce, gs2_header=binding.gs2_header, binding=binding.data)
    first = scram.first()
    response = binding.mechanism + b"\0" + struct.pack("!i", len(first)) + first
    yield Send(frames.pack(_PASSWORD_MESSAGE, response))
    challenge = yield from _expect(Stage.AUTHENTICATE, _Request.SASL_CONTINUE)
    yield Send(frames.pack(_PASSWORD_MESSAGE, scram.final(challenge)))
    scram.verify((yield from _expect(Stage.AUTHENTICATE, _Request.SASL_FINAL)))
    yield from _let_in(Stage.VERIFY_SERVER)


def _mechanisms(offered: bytes) -> list[bytes]:
    if not offered.endswith(b"\0\0"):
        raise malformed(Stage.NEGOTIATE)
    return offered[:-2].split(b"\0")


def _let_in(stage: Stage) -> Generator[Step, bytes, None]:
    if (yield from _expect(stage, _Request.NOTHING)):
        raise malformed(stage)


def _expect(stage: Stage, wanted: _Request) -> Generator[Step, bytes, bytes]:
    _, body = yield from frames.read(stage, frames.AUTHENTICATION)
    code = int.from_bytes(body[:_CODE_BYTES], "big")
    if len(body) >= _CODE_BYTES and code == wanted:
        return body[_CODE_BYTES:]
    if wanted is _Request.SASL_FINAL and code == _Request.NOTHING:
        raise LoginRefusedError(
            Stage.VERIFY_SERVER, "The server did not prove that it knows the password."
        )
    raise LoginRefusedError(stage, "The server mixed up the steps of the login.")
