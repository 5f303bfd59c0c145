"""Leases on files: who runs their statements, and what a new one goes through."""

from broker.commands import Command, TellGateway, TellVault
from broker.dispatch import Dispatch
from broker.in_flight import TRIALS_MAX
from tests.unit.broker.making import (
    FILE_LEASE,
    GATEWAY,
    A,
    F,
    G,
    a_connect,
    a_dispatch,
    an_execute,
    failed,
    granted,
    runs,
    the_question,
    the_run,
)
from wire.faults import FaultCode
from wire.messages import Answer, Cancel, EndLease, Granted
from wire.names import Incarnation, RequestId

ANSWER = b"the lease is open"


def a_file_lease(number: int, *, opened: bool = False) -> Granted:
    return granted(number, connection_id=FILE_LEASE, engine="sqlite", opened=opened)


def a_dispatch_of_files(*executors: Incarnation) -> Dispatch:
    """Return a dispatch with executor A, these file executors, and a lease on a file."""
    dispatch = a_dispatch(A)
    for executor in executors:
        dispatch.executor_arrived(executor, 1, kind="file-executor", now=0)
    dispatch.from_vault(a_file_lease(1_000_001), b"", now=0)
    return dispatch


def opened(dispatch: Dispatch) -> list[Command]:
    """Return what follows when the vault has opened a lease on a file."""
    asked = dispatch.from_gateway(GATEWAY, a_connect("1"), b"arguments", now=0)
    return dispatch.from_vault(a_file_lease(the_question(asked), opened=True), ANSWER, now=0)


def is_ended(commands: list[Command]) -> bool:
    return any(
        isinstance(command, TellVault)
        and isinstance(command.message, EndLease)
        and command.message.connection_id == FILE_LEASE
        for command in commands
    )


def test_a_statement_on_a_file_goes_to_a_file_executor_without_a_grant() -> None:
    dispatch = a_dispatch_of_files(F)

    commands = dispatch.from_gateway(
        GATEWAY, an_execute("1", connection_id=FILE_LEASE), b"select 1", now=0
    )

    ((executor, run),) = runs(commands)
    assert executor == F
    assert run.grant == b""


def test_a_statement_on_a_file_waits_for_a_file_executor_and_holds_up_no_other() -> None:
    dispatch = a_dispatch_of_files()

    waits = dispatch.from_gateway(
        GATEWAY, an_execute("1", connection_id=FILE_LEASE), b"select 1", now=0
    )
    other = dispatch.from_gateway(GATEWAY, an_execute("2"), b"select 2", now=0)
    comes = dispatch.executor_arrived(F, 1, kind="file-executor", now=0)

    assert waits == []
    assert [executor for executor, _ in runs(other)] == [A]
    assert [executor for executor, _ in runs(comes)] == [F]


def test_the_id_of_a_new_lease_is_told_when_its_file_has_opened() -> None:
    dispatch = a_dispatch_of_files(F)
    ((_, trial),) = runs(opened(dispatch))

    told = dispatch.ran(F, trial.run_id, b"it opens", now=0)

    assert told == [TellGateway(GATEWAY, Answer(request_id=RequestId("1")), ANSWER)]


def test_a_lease_whose_file_does_not_open_is_ended_and_its_client_reads_why() -> None:
    dispatch = a_dispatch_of_files(F)
    trial = the_run(opened(dispatch))

    told = dispatch.ran(
        F, trial.run_id, b"no database", failed=FaultCode.DATABASE_UNREACHABLE, now=0
    )

    assert told[0] == TellGateway(GATEWAY, Answer(request_id=RequestId("1")), b"no database")
    assert is_ended(told)


def test_a_lease_whose_client_has_left_meanwhile_is_ended() -> None:
    dispatch = a_dispatch_of_files(F)
    trial = the_run(opened(dispatch))
    dispatch.from_gateway(GATEWAY, Cancel(request_id=RequestId("1")), b"", now=0)

    assert is_ended(dispatch.ran(F, trial.run_id, b"it opens", now=0))


def test_a_lease_that_nobody_could_try_in_time_is_ended() -> None:
    dispatch = a_dispatch_of_files()
    opened(dispatch)

    told = dispatch.tick(now=11)

    assert failed(FaultCode.UNAVAILABLE) in told
    assert is_ended(told)


def test_a_file_is_tried_again_when_its_executors_die_but_not_for_ever() -> None:
    dispatch = a_dispatch_of_files(F, G)
    told = opened(dispatch)
    tried = []

    for _ in range(TRIALS_MAX + 1):
        ((executor, _),) = runs(told)
        tried.append(executor)
        told = dispatch.executor_lost(executor, now=0)
        told += dispatch.executor_arrived(executor, 1, kind="file-executor", now=0)

    assert set(tried) == {F, G}
    assert failed(FaultCode.UNAVAILABLE) in told
    assert is_ended(told)
