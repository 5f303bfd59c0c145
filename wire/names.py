"""The identifiers that travel between processes, and their limits; nothing else.

Each is a type of its own, so that a connection's name cannot be passed where its id is meant.
"""

from typing import Annotated, Final, Literal, NewType, TypeAlias

from msgspec import Meta, Struct

ConnectionId = NewType("ConnectionId", str)
"""What a client holds: 43 characters of base64url, random; no authority by itself."""

ConnectionName = NewType("ConnectionName", str)
"""A key of `connections` in the configuration."""

DYNAMIC: Final = "dynamic:"
"""What a ConnectionName begins with that the vault gave to a connection that a client brought."""

Incarnation = NewType("Incarnation", str)
"""One life of one process, `executor-1.5f3a…`; never used again after it ends."""

Handle = NewType("Handle", str)
"""What the vault calls one lent connection; 128 random bits in hex."""

Principal = NewType("Principal", str)
"""Who asks, as the gateway verified it: `token:local`, `uid:1000`, `anyone`."""

LOCAL_TOKEN: Final = Principal("token:local")
"""Whoever presents the run directory's token."""

ANYONE: Final = Principal("anyone")
"""Whoever reaches the port of a system without a token."""

RequestId = NewType("RequestId", str)
"""One request of one gateway; unique with the gateway's incarnation."""

RunId = NewType("RunId", int)
"""One request as the router counts it; unique in one life of the router."""

Role: TypeAlias = Literal[
    "supervisor",
    "router",
    "gateway",
    "vault",
    "login-server",
    "executor",
    "file-executor",
    "demo",
]
Access: TypeAlias = Literal["read-only", "read-write"]
Engine: TypeAlias = Literal["postgresql", "mysql", "sqlite"]
PostgresAuth: TypeAlias = Literal["scram-sha-256", "md5", "password"]
"""How PostgreSQL asks for a password, strongest first; `password` is in cleartext."""

MysqlAuth: TypeAlias = Literal[
    "caching_sha2_password", "ed25519", "sha256_password", "mysql_native_password"
]
"""MySQL's and MariaDB's plugins; the first two are of one strength, then strongest first."""

Auth: TypeAlias = PostgresAuth | MysqlAuth
TlsMode: TypeAlias = Literal["require", "verify-ca", "verify-full"]
"""What of a server's certificate is verified, in libpq's terms."""

ChannelBinding: TypeAlias = Literal["disable", "prefer", "require"]
"""Whether a login is bound to the TLS connection it comes on (RFC 5929), in libpq's terms."""

DEADLINE_MAX_MS: Final = 3_600_000
"""No request may wait longer than an hour, whatever its sender asks."""

DeadlineMs: TypeAlias = Annotated[int, Meta(ge=0, le=DEADLINE_MAX_MS)]
"""Milliseconds that are left, counted from the moment of sending."""

SlotCount: TypeAlias = Annotated[int, Meta(ge=1, le=64)]
"""How many requests a peer runs at the same time."""

EXECUTOR_SLOTS: Final = 8
"""The most that one executor runs at the same time, and so the most that it waits for."""

STATEMENT_MAX_BYTES: Final = 1 << 20
"""The text of one statement in UTF-8."""

PARAMETERS_MAX: Final = 1000
"""Parameters of one statement; the protocol of PostgreSQL could count to 65,535."""


class PoolKey(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose connections may be shared: never those of two principals."""

    principal: Principal
    connection: ConnectionName
    access: Access
