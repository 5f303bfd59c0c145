"""One example of each message, every field set, beside the decoders of those who may hear it."""

from typing import Final

from msgspec import Raw, Struct

from tests.unit.wire.examples_lending import FAULT, LENDING, POOL
from wire import codec
from wire.console import AdoptStdio, AskStatus, NotServed, StatusReport, StdioEnded
from wire.control import (
    Admitted,
    Alive,
    Ask,
    Configure,
    EndPeer,
    Finish,
    Pair,
    PeerJoined,
    PeerLeft,
    Ready,
    RouterLost,
    RouterReady,
    Sealed,
    Status,
    TellStatus,
    VaultReady,
)
from wire.destination import Destination
from wire.faults import FaultCode
from wire.messages import (
    Answer,
    Cancel,
    Connect,
    ConnectDynamic,
    ConnectionStatus,
    Disconnect,
    EndLease,
    Execute,
    Failed,
    Granted,
    Hello,
    LeaseEnded,
    ListConnections,
    ListNamed,
    MintGrants,
    OpenDynamic,
    OpenLease,
    Ran,
    Refused,
    Run,
    Settled,
    Stop,
    TellLease,
    Used,
)
from wire.names import (
    ConnectionId,
    ConnectionName,
    Incarnation,
    Principal,
    RequestId,
    RunId,
)
from wire.status import ExecutorRow, RequestCounts, RouterReport, UsageRow
from wire.usage import Usage

_WHO: Final = Principal("token:ädmin")
_NAME: Final = ConnectionName("main")
_ID: Final = ConnectionId("A" * 43)
_REQUEST: Final = RequestId("r1")
_RUN: Final = RunId(1 << 40)
_EXECUTOR: Final = Incarnation("executor-1.5f3a9c21")
_KEY: Final = b"k" * 40
_DESTINATION: Final = Destination(
    engine="postgresql", host="db.example", port=5432, database="main", user="jürgen"
)

_USAGE: Final = Usage(
    since_s=60.5,
    statements=7,
    rows=900,
    bytes=12_345,
    errors=1,
    last_fault=FaultCode.DEADLINE,
    last_used_s=0.25,
    running=1,
    waiting=2,
)

_REPORT: Final = RouterReport(
    usages=(UsageRow(id="AAAAAAAA", usage=_USAGE),),
    usages_total=1,
    requests=RequestCounts(running=1, for_slot=2, for_vault=3, at_vault=4),
    executors=(ExecutorRow(name="executor-1", running=1, slots=8),),
)

FROM_GATEWAY: Final = (
    Hello(slots=8),
    Connect(request_id=_REQUEST, principal=_WHO, name=_NAME, deadline_ms=30_000),
    ConnectDynamic(
        request_id=_REQUEST,
        principal=_WHO,
        destination=_DESTINATION,
        sealed=b"\x00sealed\xff",
        deadline_ms=30_000,
    ),
    Execute(request_id=_REQUEST, principal=_WHO, connection_id=_ID, deadline_ms=30_000),
    Disconnect(request_id=_REQUEST, principal=_WHO, connection_id=_ID, deadline_ms=0),
    ListConnections(request_id=_REQUEST, principal=_WHO, deadline_ms=3_600_000),
    ConnectionStatus(request_id=_REQUEST, principal=_WHO, connection_id=_ID, deadline_ms=1),
    Cancel(request_id=_REQUEST),
)
TO_GATEWAY: Final = (
    Answer(request_id=_REQUEST),
    Failed(request_id=_REQUEST, fault=FAULT),
)
FROM_EXECUTOR: Final = (Hello(slots=8), Ran(run_id=_RUN, rows=900, failed=FaultCode.DEADLINE))
TO_EXECUTOR: Final = (
    Run(
        run_id=_RUN,
        connection_id=_ID,
        pool=POOL,
        engine="mysql",
        grant=b"\x00grant\xff",
        deadline_ms=1,
    ),
    Stop(run_id=_RUN),
)
FROM_VAULT: Final = (
    Hello(slots=8),
    Granted(
        run_id=_RUN,
        connection_id=_ID,
        pool=POOL,
        grants={_EXECUTOR: b"\x00grant\xff"},
        expires_in_ms=60_000,
        statement_ms=30_000,
        opened=True,
    ),
    Settled(run_id=_RUN),
    Refused(run_id=_RUN, fault=FAULT),
    LeaseEnded(connection_id=_ID),
)
TO_VAULT: Final = (
    OpenLease(run_id=_RUN, principal=_WHO, name=_NAME, executors=(_EXECUTOR,), deadline_ms=1),
    OpenDynamic(
        run_id=_RUN,
        principal=_WHO,
        destination=_DESTINATION,
        sealed=b"\x00sealed\xff",
        executors=(_EXECUTOR,),
        deadline_ms=1,
    ),
    MintGrants(run_id=_RUN, principal=_WHO, connection_id=_ID, executors=(_EXECUTOR,)),
    EndLease(run_id=_RUN, principal=_WHO, connection_id=_ID),
    ListNamed(run_id=_RUN, principal=_WHO),
    TellLease(run_id=_RUN, principal=_WHO, connection_id=_ID, usage=_USAGE),
    Used(connection_ids=(_ID,)),
)
FROM_CHILD: Final = (
    Ready(public_key=_KEY, sealing_key=_KEY),
    Sealed(missing=("A",), malformed=("B",)),
    Status(ask=7, report=_REPORT),
    Alive(number=7),
    Admitted(incarnation=_EXECUTOR),
    EndPeer(incarnation=_EXECUTOR),
)
TO_CHILD: Final = (
    Configure(incarnation=_EXECUTOR, settings=Raw(b"\x80")),
    RouterReady(endpoint="ipc:///run/router.sock", public_key=_KEY),
    RouterLost(),
    VaultReady(sealing_key=_KEY),
    PeerJoined(
        role="gateway", incarnation=Incarnation("gateway-1.0a"), public_key=_KEY, principal=_WHO
    ),
    PeerLeft(role="executor", incarnation=_EXECUTOR),
    Pair(role="vault", incarnation=_EXECUTOR),
    TellStatus(ask=7),
    Ask(number=7),
    Finish(),
)
FROM_CONSOLE: Final = (AskStatus(), AdoptStdio())
TO_CONSOLE: Final = (StatusReport(), StdioEnded(status=3), NotServed(sentence="No."))

EXAMPLES: Final[dict[str, tuple[Struct, ...]]] = {
    "FROM_GATEWAY": FROM_GATEWAY,
    "TO_GATEWAY": TO_GATEWAY,
    "FROM_EXECUTOR": FROM_EXECUTOR,
    "TO_EXECUTOR": TO_EXECUTOR,
    "FROM_VAULT": FROM_VAULT,
    "TO_VAULT": TO_VAULT,
    **LENDING,
    "FROM_CHILD": FROM_CHILD,
    "TO_CHILD": TO_CHILD,
    "FROM_CONSOLE": FROM_CONSOLE,
    "TO_CONSOLE": TO_CONSOLE,
}
"""By the name of the decoder in wire/codec.py."""

MESSAGES: Final = {
    type(message).__name__: message for each in EXAMPLES.values() for message in each
}


def decode(decoder: str, frame: bytes) -> object:
    """Decode *frame* as the hearers of that decoder do."""
    found = vars(codec)[decoder]
    assert isinstance(found, codec.Codec)
    return found.decode(frame)


def decoders() -> set[str]:
    """Return the name of every decoder that there is."""
    return {name for name, its in vars(codec).items() if isinstance(its, codec.Codec)}
