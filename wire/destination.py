"""Where a client with a password of its own wants to connect, and what that password is sealed for.

Gateway and vault make the same bytes of it, so that what was sealed for one destination and one
principal opens for no other.
"""

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from wire.lending import Port
from wire.names import Engine, Principal

HOST_MAX: Final = 253
"""The longest name that DNS has (RFC 1035), without its last dot."""

NAME_MAX_BYTES: Final = 128
"""Of a user's or a database's name; PostgreSQL keeps 63."""

PASSWORD_MAX_BYTES: Final = 1024
"""Fits a secret page and a packet with room to spare; no server takes more."""

PADDED_TO_BYTES: Final = 128
"""A password is padded to a multiple of this before it is sealed: how long it is, is nobody's
business."""

LENGTH_BYTES: Final = 2

SEALED_MAX_BYTES: Final = 2048

Host: TypeAlias = Annotated[str, Meta(min_length=1, max_length=HOST_MAX)]
AccountName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=NAME_MAX_BYTES)]
SealedPassword: TypeAlias = Annotated[bytes, Meta(max_length=SEALED_MAX_BYTES)]


class Destination(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which server, which database, as whom; as the client wrote it."""

    engine: Engine
    host: Host
    port: Port
    database: AccountName
    user: AccountName


_PURPOSE: Final = b"strongroom connect_storage 1\0"


def sealing_purpose(destination: Destination, principal: Principal) -> bytes:
    """Return what HPKE (RFC 9180) binds the sealed password to, as `info`."""
    return _PURPOSE + msgspec.msgpack.encode((principal, destination))
