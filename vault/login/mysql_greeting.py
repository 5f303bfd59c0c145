"""How MySQL and MariaDB introduce themselves, and what both sides then agree on; pure.

Protocol version 10, which every server since MySQL 3.22 speaks. All of it comes before TLS: what
it says is used, but nothing in it is believed that could weaken the login.
"""

import struct
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Final

from vault.login import mysql_errors as errors
from vault.login.refusals import NO_TLS_OFFERED, LoginRefusedError, Stage, malformed

CHARSET: Final = 45
"""utf8mb4_general_ci, which MySQL and MariaDB both number so."""
MAX_PACKET_BYTES: Final = 1 << 30
"""What we say that we would take in one message: the servers' own limit."""
MAX_VERSION_BYTES: Final = 255
"""A server's version has about 50 bytes."""

_PROTOCOL: Final = 10
# Connection id, the salt's beginning, a zero, capabilities' low half, collation, status,
# capabilities' high half, the salt's length with its NUL, and ten bytes that say nothing to us.
_FIXED: Final = struct.Struct("<I8sBHBHHB10x")
_SALT_FIRST_BYTES: Final = 8
_SALT_REST_BYTES_MIN: Final = 13


class Capability(IntFlag):
    """The flags of the protocol that we use, by their names there without CLIENT_."""

    LONG_PASSWORD = 1 << 0
    FOUND_ROWS = 1 << 1
    LONG_FLAG = 1 << 2
    CONNECT_WITH_DB = 1 << 3
    PROTOCOL_41 = 1 << 9
    SSL = 1 << 11
    TRANSACTIONS = 1 << 13
    SECURE_CONNECTION = 1 << 15
    MULTI_RESULTS = 1 << 17
    PLUGIN_AUTH = 1 << 19
    PLUGIN_AUTH_LENENC_CLIENT_DATA = 1 << 21


CAPABILITIES: Final = (
    Capability.LONG_PASSWORD
    | Capability.FOUND_ROWS
    | Capability.LONG_FLAG
    | Capability.CONNECT_WITH_DB
    | Capability.PROTOCOL_41
    | Capability.TRANSACTIONS
    | Capability.SECURE_CONNECTION
    | Capability.MULTI_RESULTS
    | Capability.PLUGIN_AUTH
    | Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA
)
"""What every session has: all of it or none, so that every driver finds the same."""

# MariaDB leaves this flag out of its greeting, to show that it is no MySQL. Set in our answer it
# says that we are none of MariaDB's own clients: the reserved bytes then hold no flags either.
_NEEDED: Final = CAPABILITIES & ~Capability.LONG_PASSWORD


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What a server says first."""

    version: bytes
    connection_id: int
    capabilities: int
    plugin: bytes
    """How it would log us in, if it did not know yet who comes."""
    salt: bytes = field(repr=False)


def silence() -> LoginRefusedError:
    """Return what to raise where no greeting comes, as at a port of another protocol."""
    return _refused("The server said nothing; a MySQL server speaks first. Is this its port?")


def read(body: bytes) -> Greeting:
    """Return the greeting in *body*; raise for an error in its place, or anything else."""
    if body.startswith(errors.ERROR):
        raise errors.refusal_before_login(body)
    if body[0] != _PROTOCOL:
        raise _refused("The server speaks another protocol than version 10 of MySQL's.")
    version, _, rest = body[1:].partition(b"\0")
    if not 0 < len(version) <= MAX_VERSION_BYTES or len(rest) < _FIXED.size:
        raise malformed(Stage.NEGOTIATE)
    connection_id, salt, zero, low, _, _, high, salt_bytes = _FIXED.unpack_from(rest)
    at = _FIXED.size + max(_SALT_REST_BYTES_MIN, salt_bytes - _SALT_FIRST_BYTES)
    plugin, *after = rest[at:].split(b"\0")
    if zero or not plugin or after != [b""]:
        raise malformed(Stage.NEGOTIATE)
    return Greeting(
        version=version,
        connection_id=connection_id,
        capabilities=high << 16 | low,
        plugin=plugin,
        salt=(salt + rest[_FIXED.size : at]).removesuffix(b"\0"),
    )


def require_capable(greeting: Greeting, *, starts_tls: bool) -> None:
    """Raise unless the server can do what every session of ours needs, and TLS if that is asked.

    Whoever strips a flag from a greeting gets no login, and above all none without TLS.
    """
    if starts_tls and not greeting.capabilities & Capability.SSL:
        raise LoginRefusedError(Stage.ENCRYPT, NO_TLS_OFFERED)
    if _NEEDED & ~greeting.capabilities:
        raise _refused("The server is too old, or a proxy that lacks what a session needs.")


def tls_request() -> bytes:
    """Return the body of the packet after which TLS begins."""
    return _head(CAPABILITIES | Capability.SSL)


def response(
    user: bytes, database: bytes, *, plugin: bytes, proof: bytes, starts_tls: bool
) -> bytes:
    """Return the body of a HandshakeResponse41; *proof* may be empty."""
    flags = CAPABILITIES | Capability.SSL if starts_tls else CAPABILITIES
    proved = bytes([len(proof)]) + proof
    return _head(flags) + b"%b\0%b%b\0%b\0" % (user, proved, database, plugin)


def _head(flags: Capability) -> bytes:
    return struct.pack("<IIB23x", flags, MAX_PACKET_BYTES, CHARSET)


def _refused(sentence: str) -> LoginRefusedError:
    return LoginRefusedError(Stage.NEGOTIATE, sentence)
