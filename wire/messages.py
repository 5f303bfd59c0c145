"""Every message that passes the router, and who may say which to whom.

A ZeroMQ message is two frames: one of these structs (MessagePack), then a payload that the router
passes on unopened: the client's arguments as JSON toward an executor, the finished CallToolResult
on the way back. The payload is empty where the table in docs/protocol.md names none.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from wire.destination import Destination, SealedPassword
from wire.faults import Fault, FaultCode
from wire.names import (
    ConnectionId,
    ConnectionName,
    DeadlineMs,
    Engine,
    Incarnation,
    PoolKey,
    Principal,
    RequestId,
    RunId,
    SlotCount,
)
from wire.usage import Usage


class Hello(Struct, frozen=True, kw_only=True, tag="hello", forbid_unknown_fields=True):
    """Any peer to the router, first on a socket; `slots` is how much it runs at once."""

    slots: SlotCount = 1


class Connect(Struct, frozen=True, kw_only=True, tag="connect", forbid_unknown_fields=True):
    """Gateway to router: open a lease on a named connection."""

    request_id: RequestId
    principal: Principal
    name: ConnectionName
    deadline_ms: DeadlineMs


class ConnectDynamic(
    Struct, frozen=True, kw_only=True, tag="connect_dynamic", forbid_unknown_fields=True
):
    """Gateway to router: open a lease on a server that the client names, with its own password.

    The password is sealed to the vault's key; no one on the way can open it.
    """

    request_id: RequestId
    principal: Principal
    destination: Destination
    sealed: SealedPassword
    deadline_ms: DeadlineMs


class Execute(Struct, frozen=True, kw_only=True, tag="execute", forbid_unknown_fields=True):
    """Gateway to router: run one statement; the payload is the tool call's arguments as JSON."""

    request_id: RequestId
    principal: Principal
    connection_id: ConnectionId
    deadline_ms: DeadlineMs


class Disconnect(Struct, frozen=True, kw_only=True, tag="disconnect", forbid_unknown_fields=True):
    """Gateway to router: end a lease."""

    request_id: RequestId
    principal: Principal
    connection_id: ConnectionId
    deadline_ms: DeadlineMs


class ListConnections(Struct, frozen=True, kw_only=True, tag="list", forbid_unknown_fields=True):
    """Gateway to router: name the connections that are configured."""

    request_id: RequestId
    principal: Principal
    deadline_ms: DeadlineMs


class ConnectionStatus(Struct, frozen=True, kw_only=True, tag="status", forbid_unknown_fields=True):
    """Gateway to router: say how a lease and its connection are."""

    request_id: RequestId
    principal: Principal
    connection_id: ConnectionId
    deadline_ms: DeadlineMs


class Cancel(Struct, frozen=True, kw_only=True, tag="cancel", forbid_unknown_fields=True):
    """Gateway to router: nobody waits for this request any more."""

    request_id: RequestId


Request: TypeAlias = (
    Connect | ConnectDynamic | Execute | Disconnect | ListConnections | ConnectionStatus
)
"""What a client may ask for; each has one answer."""

FromGateway: TypeAlias = Hello | Request | Cancel
"""All that a gateway may say."""


class Answer(Struct, frozen=True, kw_only=True, tag="answer", forbid_unknown_fields=True):
    """Router to gateway: the request has ended; the payload is the CallToolResult."""

    request_id: RequestId


class Failed(Struct, frozen=True, kw_only=True, tag="failed", forbid_unknown_fields=True):
    """Router to gateway: the request has ended without a result."""

    request_id: RequestId
    fault: Fault


ToGateway: TypeAlias = Answer | Failed
"""All that a gateway may hear from the router."""


class Run(Struct, frozen=True, kw_only=True, tag="run", forbid_unknown_fields=True):
    """Router to executor: run the statement in the payload (the tool call's arguments as JSON).

    For a file executor an empty payload, and an empty grant: only see whether the file opens.
    """

    run_id: RunId
    connection_id: ConnectionId
    pool: PoolKey
    engine: Engine = "postgresql"
    grant: bytes
    deadline_ms: DeadlineMs


class Stop(Struct, frozen=True, kw_only=True, tag="stop", forbid_unknown_fields=True):
    """Router to executor: cancel this run at the database; its `Ran` still follows."""

    run_id: RunId


ToExecutor: TypeAlias = Run | Stop
"""All that an executor may hear from the router."""


class Ran(Struct, frozen=True, kw_only=True, tag="ran", forbid_unknown_fields=True):
    """Executor to router: the run has ended; the payload is the CallToolResult, good or bad."""

    run_id: RunId
    rows: Annotated[int, Meta(ge=0)] = 0
    failed: FaultCode | None = None
    """Why, where the result is a fault."""


FromExecutor: TypeAlias = Hello | Ran
"""All that an executor may say to the router."""


class OpenLease(Struct, frozen=True, kw_only=True, tag="open", forbid_unknown_fields=True):
    """Router to vault: log in once; if that works, open a lease and mint a grant per executor."""

    run_id: RunId
    principal: Principal
    name: ConnectionName
    executors: tuple[Incarnation, ...]
    deadline_ms: DeadlineMs


class OpenDynamic(
    Struct, frozen=True, kw_only=True, tag="open_dynamic", forbid_unknown_fields=True
):
    """Router to vault: as OpenLease, on a server and with a password that the client brought."""

    run_id: RunId
    principal: Principal
    destination: Destination
    sealed: SealedPassword
    executors: tuple[Incarnation, ...]
    deadline_ms: DeadlineMs


class MintGrants(Struct, frozen=True, kw_only=True, tag="mint", forbid_unknown_fields=True):
    """Router to vault: grants for an open lease, as long as it is open and this principal's."""

    run_id: RunId
    principal: Principal
    connection_id: ConnectionId
    executors: tuple[Incarnation, ...]


class EndLease(Struct, frozen=True, kw_only=True, tag="end", forbid_unknown_fields=True):
    """Router to vault: end a lease for its principal."""

    run_id: RunId
    principal: Principal
    connection_id: ConnectionId


class ListNamed(Struct, frozen=True, kw_only=True, tag="list", forbid_unknown_fields=True):
    """Router to vault: name the connections that this principal may open."""

    run_id: RunId
    principal: Principal


class TellLease(Struct, frozen=True, kw_only=True, tag="tell_lease", forbid_unknown_fields=True):
    """Router to vault: say how a lease of this principal's is; it does not count as a use."""

    run_id: RunId
    principal: Principal
    connection_id: ConnectionId
    usage: Usage


class Used(Struct, frozen=True, kw_only=True, tag="used", forbid_unknown_fields=True):
    """Router to vault: these leases were used since the last such message."""

    connection_ids: tuple[ConnectionId, ...]


ToVault: TypeAlias = OpenLease | OpenDynamic | MintGrants | EndLease | ListNamed | TellLease | Used
"""All that the vault may hear from the router."""


class Granted(Struct, frozen=True, kw_only=True, tag="granted", forbid_unknown_fields=True):
    """Vault to router: the lease is open; a grant for each named executor."""

    run_id: RunId
    connection_id: ConnectionId
    pool: PoolKey
    engine: Engine = "postgresql"
    grants: dict[Incarnation, bytes]
    """None for a lease on a file: nothing is borrowed."""
    expires_in_ms: DeadlineMs
    statement_ms: DeadlineMs
    """The connection's limit for one statement."""
    opened: bool = False
    """True as the answer to `OpenLease`; the payload is then the CallToolResult."""


class Settled(Struct, frozen=True, kw_only=True, tag="settled", forbid_unknown_fields=True):
    """Vault to router: done; the payload is the CallToolResult."""

    run_id: RunId


class Refused(Struct, frozen=True, kw_only=True, tag="refused", forbid_unknown_fields=True):
    """Vault to router: no."""

    run_id: RunId
    fault: Fault


class LeaseEnded(Struct, frozen=True, kw_only=True, tag="ended", forbid_unknown_fields=True):
    """Vault to router: this lease is over; drop its grants and stop its runs."""

    connection_id: ConnectionId


FromVault: TypeAlias = Hello | Granted | Settled | Refused | LeaseEnded
"""All that the vault may say to the router."""
