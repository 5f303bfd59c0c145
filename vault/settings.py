"""What the supervisor tells the vault: the named connections and the limits; never a secret."""

from typing import Annotated

from msgspec import Meta, Struct

from wire.lending import AllowedTarget, Port, Tls
from wire.names import DYNAMIC, Access, Auth, ChannelBinding, ConnectionName, DeadlineMs, Engine


class NamedConnection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of `connections`, or what a client brought; `variable` names its credential."""

    engine: Engine
    host: str
    port: Port
    database: str
    access: Access
    variable: str
    auth: Auth = "scram-sha-256"
    """The weakest login that the server may ask for."""
    tls: Tls | None = None
    """None for no encryption at all."""
    channel_binding: ChannelBinding = "prefer"
    server_key: str | None = None
    """PEM file of a MySQL server's RSA key."""
    account: str = ""
    """The account that is tried with what a client brought; empty as soon as that has worked."""

    @property
    def is_brought(self) -> bool:
        """Return whether a client named the server, which must then be an allowed target."""
        return self.variable.startswith(DYNAMIC)

    @property
    def counted_as(self) -> str:
        """Return under which name refusals count: guesses are at an account, whoever makes them."""
        return self.account or self.variable

    def described(self) -> dict[str, object]:
        """Return what a client may know of it."""
        return {
            "type": self.engine,
            "host": self.host,
            "database": self.database,
            "access": self.access,
        }


class FileConnection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One SQLite file; only file executors know where it is."""

    database: str
    """The name of the file, without its directory."""
    access: Access

    def described(self) -> dict[str, object]:
        """Return what a client may know of it."""
        return {"type": "sqlite", "database": self.database, "access": self.access}


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
