"""What the supervisor tells the vault: the named connections and the limits; never a secret."""

from typing import Annotated

from msgspec import Meta, Struct

from wire.lending import Port
from wire.names import Access, ConnectionName, DeadlineMs, Engine


class NamedConnection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of `connections`; `variable` names its credential."""

    engine: Engine
    host: str
    port: Port
    database: str
    access: Access
    variable: str


class VaultSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that the vault is told."""

    connections: dict[ConnectionName, NamedConnection]
    statement_ms: DeadlineMs
    lease_idle_ms: Annotated[int, Meta(gt=0)]
    lease_ms: Annotated[int, Meta(gt=0)]
    connections_per_database: Annotated[int, Meta(gt=0, le=10_000)]
    connections_per_principal: Annotated[int, Meta(gt=0, le=10_000)]
    leases_per_principal: Annotated[int, Meta(gt=0, le=10_000)]
