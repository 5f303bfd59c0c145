"""Prove who we are to MySQL or MariaDB, by no weaker plugin than the connection allows.

The server chooses the plugin, and what it may choose is a table. Whatever is not in it is refused
before anything derived from the password is sent. The password itself is sent after the server has
named the plugin of this very user, and only inside TLS with a verified server, or encrypted to a
pinned key. No plugin has the server prove itself: that is TLS's part.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final

from vault.login import mysql_frames as frames
from vault.login import mysql_plugins as plugins
from vault.login import mysql_rsa as rsa
from vault.login import mysql_scrambles as scrambles
from vault.login.mysql_frames import Exchange
from vault.login.mysql_greeting import Greeting
from vault.login.refusals import LoginRefusedError, Stage, malformed
from vault.login.steps import Step
from vault.wiping import wipe
from wire.destination import PASSWORD_MAX_BYTES
from wire.names import MysqlAuth

_FAST: Final = frames.MORE_DATA + b"\x03"
_FULL: Final = frames.MORE_DATA + b"\x04"

_UNVERIFIED: Final = (
    "The server asks for the password itself, and its certificate is not verified: so it is never "
    'sent. Set "sslmode" to "verify-full".'
)
_IN_THE_OPEN: Final = (
    "The server asks for the password itself, and the connection is not encrypted: so it is never "
    'sent. Set "sslmode" to "verify-full", or pin the server\'s RSA key by "server_public_key".'
)
_ANYONE: Final = (
    "The server let us in without a look at the password: it may let anyone in. Give the account a "
    "password."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a password may be used on one connection."""

    minimum: MysqlAuth
    """The weakest plugin that will do."""
    starts_tls: bool
    """Whether the connection is encrypted before the password is used; if not, it never is."""
    is_verified: bool
    """Whether TLS shows that the server is who it should be."""
    server_key: bytes | None
    """PEM of the server's pinned RSA key."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A plugin, the salt that the server gave for it, and our answer: empty if it gets none yet."""

    plugin: bytes
    salt: bytes = field(repr=False)
    proof: bytes = field(repr=False)


def require_usable(password: bytearray, terms: Terms) -> None:
    """Raise for a password or a pinned key that no server could be given."""
    if not password:
        raise LoginRefusedError(Stage.AUTHENTICATE, "There is no password to log in with.")
    if len(password) > PASSWORD_MAX_BYTES:
        raise LoginRefusedError(Stage.AUTHENTICATE, "The password is too long.")
    if terms.server_key is not None:
        rsa.load(terms.server_key)


def begin(greeting: Greeting, password: bytearray, *, terms: Terms) -> Attempt:
    """Return the answer to a greeting, which goes by what most users of that server have.

    If that is not permitted or takes the password itself, the answer is empty and names the
    strongest plugin: then the server says which one this user has, and gives a salt for it.
    """
    permitted = plugins.PERMITTED[terms.minimum]
    if greeting.plugin in permitted and greeting.plugin in plugins.PROOFS:
        return _proved(greeting.plugin, greeting.salt, password)
    return Attempt(permitted[0], b"", b"")


def complete(
    exchange: Exchange, attempt: Attempt, password: bytearray, *, terms: Terms
) -> Generator[Step, bytes, int]:
    """Return the server's status flags when it has let us in by a way that *terms* permit.

    *attempt* has been sent. Raises otherwise. *password* is overwritten when nothing more can
    depend on it, also on the way out by an exception.
    """
    stage = Stage.AUTHENTICATE if attempt.proof else Stage.NEGOTIATE
    try:
        reply = yield from exchange.expect(stage)
        if reply.startswith(frames.SWITCH):
            stage = Stage.AUTHENTICATE
            attempt = _switched(reply, password, terms)
            yield from _send(exchange, attempt, password, terms)
            uses_key = not attempt.proof and not terms.starts_tls
            reply = yield from exchange.expect(stage, uses_server_key=uses_key)
        elif not attempt.proof:
            raise _out_of_turn(reply, stage)
        if attempt.plugin == plugins.CACHING_SHA2:
            reply = yield from _after_scramble(exchange, reply, attempt, password, terms)
    finally:
        wipe(password)
    if not reply.startswith(frames.OK):
        raise _mixed_up(reply, stage)
    return frames.status_of(reply, stage)


def _switched(reply: bytes, password: bytearray, terms: Terms) -> Attempt:
    if reply == frames.SWITCH:
        # Nothing but its first byte: so a server without plugins asks for mysql_old_password.
        raise plugins.refusal_of(plugins.OLD_PASSWORD)
    plugin, nul, salt = reply[len(frames.SWITCH) :].partition(b"\0")
    if not nul:
        raise malformed(Stage.NEGOTIATE)
    if plugin not in plugins.PERMITTED[terms.minimum]:
        raise plugins.refusal_of(plugin)
    if plugin in plugins.PROOFS:
        return _proved(plugin, salt, password)
    return Attempt(plugin, _salt(salt, scrambles.SALT_BYTES), b"")


def _proved(plugin: bytes, salt: bytes, password: bytearray) -> Attempt:
    prove, salt_bytes = plugins.PROOFS[plugin]
    salt = _salt(salt, salt_bytes)
    return Attempt(plugin, salt, prove(password, salt))


def _salt(data: bytes, exactly_bytes: int) -> bytes:
    # Most servers end a salt by a NUL; a random salt may end in one that belongs to it.
    if len(data) == exactly_bytes + 1 and data.endswith(b"\0"):
        data = data[:-1]
    if len(data) != exactly_bytes:
        raise malformed(Stage.NEGOTIATE)
    return data


def _send(
    exchange: Exchange, attempt: Attempt, password: bytearray, terms: Terms
) -> Generator[Step, bytes, None]:
    if attempt.proof:
        yield from exchange.send(attempt.proof)
    else:
        yield from _send_password(exchange, password, attempt.salt, terms)


def _after_scramble(
    exchange: Exchange, reply: bytes, attempt: Attempt, password: bytearray, terms: Terms
) -> Generator[Step, bytes, bytes]:
    """Return what follows the server's word on the scramble: it knows it, or wants the password."""
    if reply == _FULL:
        yield from _send_password(exchange, password, attempt.salt, terms)
    elif reply != _FAST:
        raise _out_of_turn(reply, Stage.AUTHENTICATE)
    uses_key = reply == _FULL and not terms.starts_tls
    return (yield from exchange.expect(Stage.AUTHENTICATE, uses_server_key=uses_key))


def _send_password(
    exchange: Exchange, password: bytearray, salt: bytes, terms: Terms
) -> Generator[Step, bytes, None]:
    # Inside TLS the servers take no RSA: a pinned key is no substitute for a verified certificate.
    if terms.starts_tls and not terms.is_verified:
        raise LoginRefusedError(Stage.AUTHENTICATE, _UNVERIFIED)
    if not terms.starts_tls and terms.server_key is None:
        raise LoginRefusedError(Stage.AUTHENTICATE, _IN_THE_OPEN)
    # A NUL would end the password early: the server would be told a shorter one.
    if 0 in password:
        raise LoginRefusedError(
            Stage.AUTHENTICATE, "The password holds a NUL, and cannot be sent to this server."
        )
    if terms.starts_tls or terms.server_key is None:
        yield from exchange.send(password, b"\0")
    else:
        key = rsa.load(terms.server_key)
        yield from exchange.send(rsa.encrypt(password, salt=salt, key=key))


def _out_of_turn(reply: bytes, stage: Stage) -> LoginRefusedError:
    return LoginRefusedError(stage, _ANYONE) if reply[:1] == frames.OK else _mixed_up(reply, stage)


def _mixed_up(reply: bytes, stage: Stage) -> LoginRefusedError:
    sentence = "The server mixed up the steps of the login."
    if reply.startswith(frames.SWITCH):
        sentence = "The server changes its mind twice about how to log in."
    return LoginRefusedError(stage, sentence)
