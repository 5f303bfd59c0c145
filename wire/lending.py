"""What is said on the socket pairs around a login.

Each message is one packet (SOCK_SEQPACKET) of MessagePack, with the descriptors that its docstring
names. A login's password is the one packet that is not such a message: it follows its `LoginJob`
as plain bytes, sent from the vault's secret page and received into a buffer that the login wipes.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from wire.faults import Fault
from wire.names import Auth, DeadlineMs, Engine, Handle, PoolKey

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


class HandedOver(Struct, frozen=True, kw_only=True, tag="handed", forbid_unknown_fields=True):
    """Login to executor, with one descriptor: a connection that speaks the protocol after login.

    `parameters` are the server's ParameterStatus pairs. The cancel key is not among them: it stays
    with the vault.
    """

    handle: Handle
    engine: Engine
    parameters: tuple[tuple[bytes, bytes], ...]
    backend_id: int


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


class Target(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which server, as whom; never with which password."""

    engine: Engine
    host: str
    port: Port
    database: str
    user: str
    auth: Auth = "scram-sha-256"
    """The weakest login that the server may ask for."""
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
    """Vault to login: send the server a CancelRequest; no password follows."""

    target: Target
    backend_id: int
    cancel_key: bytes
    deadline_ms: DeadlineMs


class EndSession(Struct, frozen=True, kw_only=True, tag="end", forbid_unknown_fields=True):
    """Vault to login: log in and end another session of the same user; the password follows."""

    target: Target
    backend_id: int
    deadline_ms: DeadlineMs


LoginJob: TypeAlias = OpenSession | TryLogin | CancelStatement | EndSession
"""The one thing a login is asked to do."""


class LoginDone(Struct, frozen=True, kw_only=True, tag="done", forbid_unknown_fields=True):
    """Login to vault: it worked; the last two are set for a session that stays."""

    backend_id: int = 0
    cancel_key: bytes = b""


class LoginFailed(Struct, frozen=True, kw_only=True, tag="failed", forbid_unknown_fields=True):
    """Login to vault: it did not; for the operator's log, in our own words."""

    stage: str
    sentence: str
    sqlstate: str | None = None
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
