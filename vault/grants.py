"""Grants: leave for one executor to borrow one pool's connections until a time; pure.

A grant is its claims as MessagePack and a MAC over them that the vault alone can make. Whoever
carries one can neither read a secret in it nor change it.
"""

import hmac
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from wire.names import ConnectionId, Incarnation, PoolKey

GRANT_S: Final = 60.0
"""How long a grant is good for; the router renews it at half of that."""

MAC_BYTES: Final = 32
"""HMAC-SHA-256."""

GRANT_MAX_BYTES: Final = 2048


class GrantRefusedError(Exception):
    """A grant is forged, expired, or somebody else's."""


class Claims(Struct, frozen=True, forbid_unknown_fields=True):
    """What a grant says; `expires_at` is on the machine's monotonic clock."""

    connection_id: ConnectionId
    pool: PoolKey
    executor: Incarnation
    expires_at: float


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Claims).decode


def mint(claims: Claims, *, mac: Callable[[bytes], bytes]) -> bytes:
    """Return the grant that says *claims*."""
    body = _encode(claims)
    return body + mac(body)


def read(
    grant: bytes, *, executor: Incarnation, now: float, mac: Callable[[bytes], bytes]
) -> Claims:
    """Return what *grant* says.

    Raises GrantRefusedError unless it is ours, alive, and *executor*'s.
    """
    body, seen = grant[:-MAC_BYTES], grant[-MAC_BYTES:]
    if len(grant) > GRANT_MAX_BYTES or not hmac.compare_digest(mac(body), seen):
        raise GrantRefusedError("forged")
    claims = _decode(body)
    if claims.executor != executor:
        raise GrantRefusedError("foreign")
    if now >= claims.expires_at:
        raise GrantRefusedError("expired")
    return claims
