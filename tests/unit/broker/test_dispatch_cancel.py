"""Nobody waits any more, or it took too long: in every place that a request can be."""

import pytest

from broker.commands import EndExecutor, TellExecutor, TellVault
from broker.dispatch import OVERDUE_S, Dispatch
from tests.harness.router_alone import ALICE
from tests.unit.broker.making import (
    GATEWAY,
    LEASE,
    OTHER_LEASE,
    A,
    B,
    a_connect,
    a_disconnect,
    a_dispatch,
    an_execute,
    failed,
    granted,
    limits,
    runs,
    the_question,
    the_run,
)
from wire.faults import FaultCode
from wire.messages import Cancel, EndLease, Settled, Stop
from wire.names import RequestId

CANCEL = Cancel(request_id=RequestId("1"))
LATE = failed(FaultCode.UNAVAILABLE)


def test_cancelling_a_running_request_stops_it_and_its_result_goes_nowhere() -> None:
    dispatch = a_dispatch(A)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=0))

    commands = dispatch.from_gateway(GATEWAY, CANCEL, b"", now=1)

    assert commands == [TellExecutor(A, Stop(run_id=run.run_id))]
    assert dispatch.ran(A, run.run_id, b"", now=2) == []
    assert runs(dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=3))


def test_a_request_cancelled_while_it_waits_for_a_slot_is_never_run() -> None:
    dispatch = a_dispatch(A)
    running = the_run(dispatch.from_gateway(GATEWAY, an_execute("0"), b"", now=0))
    dispatch.from_gateway(GATEWAY, an_execute("1"), b"", now=0)

    assert dispatch.from_gateway(GATEWAY, CANCEL, b"", now=1) == []

    assert runs(dispatch.ran(A, running.run_id, b"", now=2)) == []


def test_a_cancelled_request_is_not_kept_until_its_turn_would_have_come() -> None:
    dispatch = a_dispatch(A)
    dispatch.from_gateway(GATEWAY, an_execute("0"), b"", now=0)
    dispatch.from_gateway(GATEWAY, an_execute("first in turn"), b"", now=0)

    dispatch.from_gateway(GATEWAY, an_execute("1"), b"large", now=0)
    dispatch.from_gateway(GATEWAY, CANCEL, b"", now=1)

    first = dispatch._in_flight.first_for_slot()
    assert first is not None
    assert first.asked.request_id == "first in turn"
    dispatch.from_gateway(GATEWAY, Cancel(request_id=first.asked.request_id), b"", now=1)
    assert dispatch._in_flight.first_for_slot() is None


def test_a_request_cancelled_while_there_is_no_vault_is_not_asked_for() -> None:
    dispatch = Dispatch(limits())
    assert dispatch.from_gateway(GATEWAY, a_connect(), b"", now=0) == []

    assert dispatch.from_gateway(GATEWAY, CANCEL, b"", now=1) == []

    assert dispatch.vault_arrived(A, now=2) == []


def test_a_lease_whose_id_nobody_learns_is_ended() -> None:
    dispatch = a_dispatch(A)
    number = the_question(dispatch.from_gateway(GATEWAY, a_connect(), b"", now=0))
    dispatch.from_gateway(GATEWAY, CANCEL, b"", now=1)

    (command,) = dispatch.from_vault(
        granted(number, A, opened=True, connection_id=OTHER_LEASE), b"", now=2
    )

    assert isinstance(command, TellVault)
    assert isinstance(command.message, EndLease)
    assert (command.message.connection_id, command.message.principal) == (OTHER_LEASE, ALICE)


def test_a_cancelled_disconnect_still_happens_and_its_answer_goes_nowhere() -> None:
    dispatch = a_dispatch(A)
    number = the_question(dispatch.from_gateway(GATEWAY, a_disconnect(), b"", now=0))
    dispatch.from_gateway(GATEWAY, CANCEL, b"", now=1)

    assert dispatch.from_vault(Settled(run_id=number), b"", now=2) == []


def test_cancelling_what_is_answered_or_never_was_does_nothing() -> None:
    dispatch = a_dispatch(A)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=0))
    dispatch.ran(A, run.run_id, b"", now=1)

    assert dispatch.from_gateway(GATEWAY, CANCEL, b"", now=2) == []
    assert dispatch.from_gateway(GATEWAY, Cancel(request_id=RequestId("never")), b"", now=2) == []


def test_a_gateway_that_is_gone_waits_for_nothing() -> None:
    dispatch = a_dispatch(A)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute("1"), b"", now=0))
    dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=0)

    assert dispatch.gateway_lost(GATEWAY) == [TellExecutor(A, Stop(run_id=run.run_id))]

    assert dispatch.ran(A, run.run_id, b"", now=1) == []
    assert not dispatch._in_flight


@pytest.mark.parametrize("place", ["for a vault", "at the vault", "for a slot"])
def test_a_request_that_waited_past_its_deadline_was_not_run_and_says_so(place: str) -> None:
    dispatch = a_dispatch() if place == "for a slot" else Dispatch(limits())
    if place == "at the vault":
        dispatch.vault_arrived(A, now=0)
    dispatch.from_gateway(GATEWAY, an_execute(deadline_ms=1_000), b"", now=0)
    assert LATE not in dispatch.tick(now=0.9)

    commands = dispatch.tick(now=1)

    assert LATE in commands
    assert LATE not in dispatch.tick(now=2)


def test_the_executor_keeps_a_run_s_deadline_by_itself() -> None:
    dispatch = a_dispatch(A)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute(deadline_ms=1_000), b"", now=0))

    assert [one for one in dispatch.tick(now=2) if not isinstance(one, TellVault)] == []
    assert dispatch.ran(A, run.run_id, b"cancelled", now=2) != []


def test_an_executor_that_is_overdue_is_ended_once_and_gets_nothing_new() -> None:
    dispatch = a_dispatch(A, slots=2)
    dispatch.from_gateway(GATEWAY, an_execute(deadline_ms=1_000), b"", now=0)

    assert EndExecutor(A) in dispatch.tick(now=1 + OVERDUE_S)

    assert EndExecutor(A) not in dispatch.tick(now=2 + OVERDUE_S)
    assert dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=5) == []
    assert dispatch.executor_lost(A, now=5) == [failed(FaultCode.EXECUTOR_LOST, may_have_run=True)]


def test_the_run_of_an_overdue_executor_does_not_hold_up_others() -> None:
    dispatch = a_dispatch(A, B)
    ((late, _),) = runs(dispatch.from_gateway(GATEWAY, an_execute(deadline_ms=0), b"", now=0))
    dispatch.tick(now=OVERDUE_S)

    ((executor, _),) = runs(dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=5))

    assert executor != late


def test_a_request_past_its_deadline_leaves_its_lease_alone() -> None:
    dispatch = a_dispatch(A)
    dispatch.from_gateway(GATEWAY, an_execute("1", deadline_ms=0), b"", now=0)
    dispatch.tick(now=1)

    assert dispatch._cache.find(LEASE, now=1) is not None
