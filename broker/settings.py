"""What a gateway is told when it starts; nothing here is a secret.

Of the token only its SHA-256 comes here: whoever reads this process cannot present it.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from wire.names import DeadlineMs, Principal

Sha256Hex: TypeAlias = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
HostName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=253)]


class GatewaySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One gateway's part of the configuration."""

    mode: Literal["http", "stdio"]
    token_sha256: Sha256Hex | None = None
    """Of the bearer token that HTTP clients must present; None lets anybody in."""
    principal: Annotated[Principal, Meta(min_length=1, max_length=128)] | None = None
    """Who the client of a stdio gateway is; the supervisor has verified it."""
    listen_hosts: tuple[HostName, ...] = ()
    """Addresses and names under which the listening port may be asked for."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    statement_ms: DeadlineMs
    waiting_max: Annotated[int, Meta(ge=1, le=100_000)]
    """Requests that may wait for their answers at once; the next one is refused."""
