"""What is said on the socket pairs around a login.

Each message is one packet (SOCK_SEQPACKET) of MessagePack, with the descriptors that its docstring
names. A login's password is the one packet that is not such a message: it follows its `LoginJob`
as plain bytes, sent from the vault's secret page and received into a buffer that the login wipes.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from wire.faults import Fault
from wire.names import Auth, ChannelBinding, DeadlineMs, Engine, Handle, PoolKey, TlsMode

Port: TypeAlias = Annotated[int, Meta(ge=1, le=65535)]


class Borrow(Struct, frozen=True, kw_only=True, tag="borrow", forbid_unknown_fields=True):
    """Executor to vault, with one descriptor: hand one logged-in connection to that socket."""

    grant: bytes
    number: Annotated[int, Meta(ge=0)]
    """What this executor calls it, should it withdraw."""
    deadline_ms: DeadlineMs


class Withdrawn(Struct, frozen=True, kw_only=True, tag="withdrawn", forbid_unknown_fields=True):
    """Executor to vault: nobody waits any more for what was asked by that number.

    It has not been accepted and will not be.
    """

    number: Annotated[int, Meta(ge=0)]


class Returned(Struct, frozen=True, kw_only=True, tag="returned", forbid_unknown_fields=True):
    """Executor to vault: these connections are closed."""

    handles: tuple[Handle, ...]


class Interrupt(Struct, frozen=True, kw_only=True, tag="interrupt", forbid_unknown_fields=True):
    """Executor to vault: cancel what runs on this connection, which is then closed."""

    handle: Handle


class Holding(Struct, frozen=True, kw_only=True, tag="holding", forbid_unknown_fields=True):
    """Executor to vault, first on a new socket pair: what this executor still has."""

    handles: tuple[Handle, ...]


class Disposed(Struct, frozen=True, kw_only=True, tag="disposed", forbid_unknown_fields=True):
    """Executor to vault: the engine of this pool is gone and its connections are closed."""

    pool: PoolKey


FromBorrower: TypeAlias = Borrow | Withdrawn | Returned | Interrupt | Holding | Disposed
"""All that an executor may say to the vault."""


class Dispose(Struct, frozen=True, kw_only=True, tag="dispose", forbid_unknown_fields=True):
    """Vault to executor: the last lease of this pool is over; close its engine and say so."""

    pool: PoolKey


ToBorrower: TypeAlias = Dispose
"""All that an executor may hear from the vault."""


class PostgresSession(
    Struct, frozen=True, kw_only=True, tag="postgresql", forbid_unknown_fields=True
):
    """What a driver needs to know of a session on PostgreSQL that it did not start.

    The cancel key is not part of it: that stays with the vault.
    """

    backend_id: int
    """Four bytes as the server sent them, signed: a pooler's may be negative."""
    parameters: tuple[tuple[bytes, bytes], ...]
    """The last value of each ParameterStatus, in the order in which they first came."""


class MysqlSession(Struct, frozen=True, kw_only=True, tag="mysql", forbid_unknown_fields=True):
    """What a driver needs to know of a session on MySQL or MariaDB that it did not start."""

    backend_id: int
    """The server's connection id, which KILL takes."""
    version: bytes
    """The server's, as its greeting has it."""
    capabilities: int
    """The flags that login and server have agreed on; the driver must use the same."""
    charset: int
    """The number of the collation that the login asked for."""
    status: int
    """The server's status flags at the end of the login."""


Session: TypeAlias = PostgresSession | MysqlSession
"""One logged-in session, as its driver must know it."""


class HandedOver(Struct, frozen=True, kw_only=True, tag="handed", forbid_unknown_fields=True):
    """Login to executor, with one descriptor: a connection that speaks the protocol after login.

    Without TLS it is the server's own socket, with TLS one end of a pair whose other end the login
    keeps, as a relay.
    """

    handle: Handle
    session: Session


class NotHandedOver(
    Struct, frozen=True, kw_only=True, tag="not_handed", forbid_unknown_fields=True
):
    """Login or vault to executor: there will be no connection."""

    fault: Fault


class Accepted(Struct, frozen=True, kw_only=True, tag="accepted", forbid_unknown_fields=True):
    """Executor to login: I have it, and will say so when I close it."""


Handover: TypeAlias = HandedOver | NotHandedOver
"""The one message on a hand-over socket. An end of file instead means: ask the next vault."""


class AllowedTarget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One host, or all addresses of one network; on one port, or on any."""

    host: str | None = None
    network: str | None = None
    port: Port | None = None


class Tls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a connection is encrypted; paths are absolute, and read by each login anew."""

    mode: TlsMode
    roots: str | None = None
    """PEM file of the certificates that are trusted; None for those of the system."""
    certificate: str | None = None
    """PEM file of the client's own certificate, with those between it and its root."""
    key: str | None = None
    """PEM file of that certificate's private key."""
    is_direct: bool = False
    """Whether TLS begins at once, without PostgreSQL's SSLRequest (PostgreSQL 17)."""

    @property
    def is_verified(self) -> bool:
        """Return whether the server must prove, by its certificate, to be one that is trusted."""
        return self.mode != "require"


class Target(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which server, as whom; never with which password."""

    engine: Engine
    host: str
    port: Port
    database: str
    user: str
    auth: Auth = "scram-sha-256"
    """The weakest login that the server may ask for."""
    tls: Tls | None = None
    """None for no encryption at all."""
    channel_binding: ChannelBinding = "prefer"
    server_key: str | None = None
    """PEM file of a MySQL server's RSA key: a password may be encrypted to it, without TLS."""
    address: str | None = None
    """Where the session is that the job is about; a host's name may lead somewhere else by now."""
    allowed: tuple[AllowedTarget, ...] | None = None
    """Where the host must be, if a client named it; one that an operator named may be anywhere."""


class OpenSession(Struct, frozen=True, kw_only=True, tag="open", forbid_unknown_fields=True):
    """Vault to login, with one descriptor: the hand-over socket.

    The password follows as a packet of its own.
    """

    target: Target
    handle: Handle
    deadline_ms: DeadlineMs


class TryLogin(Struct, frozen=True, kw_only=True, tag="try", forbid_unknown_fields=True):
    """Vault to login: log in and out again; the password follows."""

    target: Target
    deadline_ms: DeadlineMs


class CancelStatement(Struct, frozen=True, kw_only=True, tag="cancel", forbid_unknown_fields=True):
    """Vault to login: cancel what another session runs.

    For PostgreSQL by a CancelRequest, and no password follows. For MySQL by KILL QUERY on a session
    of its own, and the password follows.
    """

    target: Target
    backend_id: int
    cancel_key: bytes = b""
    deadline_ms: DeadlineMs


class EndSession(Struct, frozen=True, kw_only=True, tag="end", forbid_unknown_fields=True):
    """Vault to login: log in and end another session of the same user; the password follows."""

    target: Target
    backend_id: int
    deadline_ms: DeadlineMs


LoginJob: TypeAlias = OpenSession | TryLogin | CancelStatement | EndSession
"""The one thing a login is asked to do."""


class LoginDone(Struct, frozen=True, kw_only=True, tag="done", forbid_unknown_fields=True):
    """Login to vault: it worked; all is set for a session that stays."""

    backend_id: int = 0
    cancel_key: bytes = b""
    address: str | None = None
    """That of the server, unless it was reached by a Unix socket."""


class LoginFailed(Struct, frozen=True, kw_only=True, tag="failed", forbid_unknown_fields=True):
    """Login to vault: it did not; for the operator's log, in our own words."""

    stage: str
    sentence: str
    sqlstate: str | None = None
    errno: int | None = None
    """The server's own number for the error, where it has one: MySQL and MariaDB do."""
    blames_credential: bool = False
    """True when the server refused the user or the password: trying again may lock the account."""


class Proceed(Struct, frozen=True, kw_only=True, tag="proceed", forbid_unknown_fields=True):
    """Vault to login: the session is on record; hand it over and exit.

    Without it a vault that dies here would leave a lent connection that no vault knows.
    """


class Delivered(Struct, frozen=True, kw_only=True, tag="delivered", forbid_unknown_fields=True):
    """Login to vault: the executor has accepted the session. A session without this is ended."""


LoginOutcome: TypeAlias = LoginDone | LoginFailed | Delivered
"""All that a login may say to the vault. An end of file instead means that it died."""


class Spare(Struct, frozen=True, kw_only=True, tag="spare", forbid_unknown_fields=True):
    """Login server to vault, with one descriptor: the socket of a login that waits for its job."""


class Taken(Struct, frozen=True, kw_only=True, tag="taken", forbid_unknown_fields=True):
    """Vault to login server: one spare is in use or gone; fork another."""
