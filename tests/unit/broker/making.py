"""Makers for the router's tests: peers by name, requests, grants, a dispatch that has a lease."""

from typing import Final

from broker.commands import Command, TellExecutor, TellGateway, TellVault
from broker.dispatch import Dispatch
from broker.shares import Limits
from tests.harness.router_alone import ALICE
from wire.faults import Fault, FaultCode
from wire.messages import (
    Connect,
    ConnectionStatus,
    Disconnect,
    Execute,
    Failed,
    Granted,
    ListConnections,
    Run,
)
from wire.names import (
    Access,
    ConnectionId,
    ConnectionName,
    Engine,
    Incarnation,
    PoolKey,
    Principal,
    RequestId,
    RunId,
)

GATEWAY: Final = Incarnation("gateway-1.00000001")
OTHER_GATEWAY: Final = Incarnation("gateway-2.00000002")
A: Final = Incarnation("executor-1.0000000a")
B: Final = Incarnation("executor-2.0000000b")
F: Final = Incarnation("file-executor-1.0000000f")
G: Final = Incarnation("file-executor-2.000000aa")
VAULT: Final = Incarnation("vault-1.000000c1")
NEXT_VAULT: Final = Incarnation("vault-1.000000c2")
BOB: Final = Principal("token:bob")
LEASE: Final = ConnectionId("L" * 43)
OTHER_LEASE: Final = ConnectionId("M" * 43)
FILE_LEASE: Final = ConnectionId("N" * 43)
GRANT_MS: Final = 60_000
STATEMENT_MS: Final = 20_000


def an_execute(
    request_id: str = "1",
    *,
    connection_id: ConnectionId = LEASE,
    principal: Principal = ALICE,
    deadline_ms: int = 10_000,
) -> Execute:
    return Execute(
        request_id=RequestId(request_id),
        principal=principal,
        connection_id=connection_id,
        deadline_ms=deadline_ms,
    )


def a_connect(
    request_id: str = "1", *, principal: Principal = ALICE, deadline_ms: int = 10_000
) -> Connect:
    return Connect(
        request_id=RequestId(request_id),
        principal=principal,
        name=ConnectionName("main"),
        deadline_ms=deadline_ms,
    )


def a_disconnect(
    request_id: str = "1",
    *,
    connection_id: ConnectionId = LEASE,
    principal: Principal = ALICE,
) -> Disconnect:
    return Disconnect(
        request_id=RequestId(request_id),
        principal=principal,
        connection_id=connection_id,
        deadline_ms=10_000,
    )


def a_status(
    request_id: str = "1", *, connection_id: ConnectionId = LEASE, principal: Principal = ALICE
) -> ConnectionStatus:
    return ConnectionStatus(
        request_id=RequestId(request_id),
        principal=principal,
        connection_id=connection_id,
        deadline_ms=10_000,
    )


def a_list(request_id: str = "1") -> ListConnections:
    return ListConnections(request_id=RequestId(request_id), principal=ALICE, deadline_ms=10_000)


def granted(
    run_id: int,
    *executors: Incarnation,
    connection_id: ConnectionId = LEASE,
    principal: Principal = ALICE,
    access: Access = "read-write",
    engine: Engine = "postgresql",
    opened: bool = False,
) -> Granted:
    return Granted(
        run_id=RunId(run_id),
        connection_id=connection_id,
        pool=PoolKey(principal, ConnectionName("main"), access),
        engine=engine,
        grants={executor: f"grant for {executor}".encode() for executor in executors},
        expires_in_ms=GRANT_MS,
        statement_ms=STATEMENT_MS,
        opened=opened,
    )


def limits(requests: int = 100, *, per_lease: int = 100, per_principal: int = 100) -> Limits:
    return Limits(
        requests=requests,
        statements_per_lease=per_lease,
        statements_per_principal=per_principal,
    )


def a_dispatch(
    *executors: Incarnation,
    slots: int = 1,
    access: Access = "read-write",
    within: Limits | None = None,
) -> Dispatch:
    """Return a dispatch at time 0 with a vault, these executors and grants for one lease."""
    dispatch = Dispatch(within or limits())
    dispatch.vault_arrived(VAULT, now=0)
    for executor in executors:
        dispatch.executor_arrived(executor, slots, now=0)
    dispatch.from_vault(granted(1_000_000, *executors, access=access), b"", now=0)
    return dispatch


def failed(
    code: FaultCode,
    request_id: str = "1",
    *,
    gateway: Incarnation = GATEWAY,
    may_have_run: bool | None = None,
) -> TellGateway:
    fault = Fault(code=code, may_have_run=may_have_run)
    return TellGateway(gateway, Failed(request_id=RequestId(request_id), fault=fault))


def runs(commands: list[Command]) -> list[tuple[Incarnation, Run]]:
    """Return who is told to run what."""
    return [
        (command.executor, command.message)
        for command in commands
        if isinstance(command, TellExecutor) and isinstance(command.message, Run)
    ]


def the_run(commands: list[Command]) -> Run:
    """Return the one run that is ordered."""
    ((_, run),) = runs(commands)
    return run


def the_question(commands: list[Command]) -> RunId:
    """Return the number of the one question to the vault."""
    (command,) = commands
    assert isinstance(command, TellVault)
    message = command.message
    assert message.__struct_config__.tag != "used"
    run_id = getattr(message, "run_id", None)
    assert isinstance(run_id, int)
    return RunId(run_id)
