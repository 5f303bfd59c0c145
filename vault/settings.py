"""What the supervisor tells the vault: the named connections and the limits; never a secret."""

from typing import Annotated

from msgspec import Meta, Struct

from wire.lending import Port
from wire.names import Access, Auth, ConnectionName, DeadlineMs, Engine


class NamedConnection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of `connections`; `variable` names its credential."""

    engine: Engine
    host: str
    port: Port
    database: str
    access: Access
    variable: str
    auth: Auth = "scram-sha-256"
    """The weakest login that the server may ask for."""


class FileConnection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One SQLite file; only file executors know where it is."""

    database: str
    """The name of the file, without its directory."""
    access: Access


class AllowedTarget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One host, or all addresses of one network; on one port, or on any."""

    host: str | None = None
    network: str | None = None
    port: Port | None = None


class Dynamic(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What clients with a password of their own may do."""

    accepts_plaintext: bool = False
    targets: tuple[AllowedTarget, ...] = ()


class VaultSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that the vault is told."""

    connections: dict[ConnectionName, NamedConnection]
    files: dict[ConnectionName, FileConnection] = {}
    dynamic: Dynamic = Dynamic()
    statement_ms: DeadlineMs
    lease_idle_ms: Annotated[int, Meta(gt=0)]
    lease_ms: Annotated[int, Meta(gt=0)]
    connections_per_database: Annotated[int, Meta(gt=0, le=10_000)]
    connections_per_principal: Annotated[int, Meta(gt=0, le=10_000)]
    leases_per_principal: Annotated[int, Meta(gt=0, le=10_000)]
