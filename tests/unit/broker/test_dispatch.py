"""Executors come, run and go; every request has one answer."""

import pytest

from broker.commands import Command, TellExecutor, TellGateway
from broker.payloads import OF_ONE_MAX_BYTES
from tests.harness.router_alone import ALICE
from tests.unit.broker.making import (
    BOB,
    GATEWAY,
    LEASE,
    OTHER_GATEWAY,
    STATEMENT_MS,
    A,
    B,
    a_dispatch,
    a_list,
    an_execute,
    failed,
    granted,
    limits,
    runs,
    the_run,
)
from wire.faults import Fault, FaultCode
from wire.messages import Answer, Cancel, Failed, Hello, LeaseEnded, Stop
from wire.names import Access, Engine, RequestId

LOST = failed(FaultCode.EXECUTOR_LOST, may_have_run=True)


def test_a_request_for_a_lease_in_use_goes_to_an_executor_with_its_grant_and_payload() -> None:
    dispatch = a_dispatch(A)

    (command,) = dispatch.from_gateway(GATEWAY, an_execute(), b'{"sql": 1}', now=2)

    assert isinstance(command, TellExecutor)
    assert (command.executor, command.payload) == (A, b'{"sql": 1}')
    run = the_run([command])
    assert (run.connection_id, run.pool.principal, run.grant) == (
        LEASE,
        ALICE,
        f"grant for {A}".encode(),
    )


@pytest.mark.parametrize(("access", "kept"), [("read-write", b""), ("read-only", b"arguments")])
def test_what_runs_is_kept_only_where_it_may_be_run_again(access: Access, kept: bytes) -> None:
    dispatch = a_dispatch(A, access=access)

    run = the_run(dispatch.from_gateway(GATEWAY, an_execute(), b"arguments", now=0))

    flight = dispatch._in_flight.get(run.run_id)
    assert flight is not None
    assert flight.payload == kept


def test_the_bytes_that_wait_have_a_limit_and_what_is_handed_on_counts_no_more() -> None:
    dispatch, half = a_dispatch(A, slots=2), bytes(OF_ONE_MAX_BYTES // 2)
    running = [an_execute(str(n)) for n in range(2)]
    waiting = [an_execute(str(n)) for n in range(2, 4)]
    for asked in running + waiting:
        assert failures(dispatch.from_gateway(GATEWAY, asked, half, now=0)) == []

    one_byte_more = dispatch.from_gateway(GATEWAY, an_execute("4"), b"1", now=0)
    others = dispatch.from_gateway(GATEWAY, an_execute("5", principal=BOB), b"1", now=0)

    (fault,) = failures(one_byte_more)
    assert (fault.code, fault.message) == (
        FaultCode.OVERLOADED,
        "The limit of 48 MiB of statements at the same time for one client is reached",
    )
    assert failures(others) != [fault]


def failures(commands: list[Command]) -> list[Fault]:
    return [
        command.message.fault
        for command in commands
        if isinstance(command, TellGateway) and isinstance(command.message, Failed)
    ]


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_an_executor_is_told_which_engine_the_lease_is_on(engine: Engine) -> None:
    dispatch = a_dispatch(A)
    dispatch.from_vault(granted(1_000_001, A, engine=engine), b"", now=0)

    commands = dispatch.from_gateway(GATEWAY, an_execute(), b"select 1", now=0)

    ((executor, run),) = runs(commands)
    assert (executor, run.engine) == (A, engine)


def test_a_result_is_passed_on_to_the_gateway_that_asked() -> None:
    dispatch = a_dispatch(A)
    run = the_run(dispatch.from_gateway(OTHER_GATEWAY, an_execute("7"), b"", now=0))

    commands = dispatch.ran(A, run.run_id, b"result", now=1)

    answer = Answer(request_id=RequestId("7"))
    assert commands == [TellGateway(OTHER_GATEWAY, answer, b"result")]


def test_the_same_request_id_of_two_gateways_is_two_requests() -> None:
    dispatch = a_dispatch(A, slots=2)

    first = the_run(dispatch.from_gateway(GATEWAY, an_execute("1"), b"", now=0))
    second = the_run(dispatch.from_gateway(OTHER_GATEWAY, an_execute("1"), b"", now=0))

    assert first.run_id != second.run_id


def test_a_run_gets_no_more_time_than_its_lease_allows_a_statement() -> None:
    dispatch = a_dispatch(A)

    run = the_run(dispatch.from_gateway(GATEWAY, an_execute(deadline_ms=3_600_000), b"", now=0))

    assert run.deadline_ms == STATEMENT_MS


def test_requests_are_spread_over_the_least_busy_executors() -> None:
    dispatch = a_dispatch(A, B, slots=2)

    commands = [
        command
        for number in range(4)
        for command in dispatch.from_gateway(GATEWAY, an_execute(str(number)), b"", now=0)
    ]

    assert sorted(executor for executor, _ in runs(commands)) == [A, A, B, B]


def test_a_request_without_a_free_slot_waits_for_the_next_one_in_turn() -> None:
    dispatch = a_dispatch(A)
    running = the_run(dispatch.from_gateway(GATEWAY, an_execute("1"), b"one", now=0))
    assert dispatch.from_gateway(GATEWAY, an_execute("2"), b"two", now=0) == []
    assert dispatch.from_gateway(GATEWAY, an_execute("3"), b"three", now=0) == []

    commands = dispatch.ran(A, running.run_id, b"", now=1)

    assert [one.payload for one in commands if isinstance(one, TellExecutor)] == [b"two"]


def test_a_read_write_statement_whose_executor_died_is_not_run_again() -> None:
    dispatch = a_dispatch(A, B)
    ((executor, _),) = runs(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=0))

    assert dispatch.executor_lost(executor, now=1) == [LOST]
    assert dispatch.executor_lost(executor, now=1) == []


def test_a_read_only_statement_whose_executor_died_is_run_once_more_and_no_more() -> None:
    dispatch = a_dispatch(A, B, access="read-only")
    ((first, _),) = runs(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=0))

    ((second, again),) = runs(dispatch.executor_lost(first, now=1))

    assert {first, second} == {A, B}
    assert dispatch.executor_lost(second, now=2) == [LOST]
    assert dispatch.ran(second, again.run_id, b"", now=3) == []


def test_a_second_try_has_only_the_time_that_was_left() -> None:
    dispatch = a_dispatch(A, B, access="read-only")
    ((first, _),) = runs(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=0))

    again = the_run(dispatch.executor_lost(first, now=4))

    assert again.deadline_ms == 6_000


def test_a_read_only_statement_that_nobody_waits_for_is_not_run_again() -> None:
    dispatch = a_dispatch(A, B, access="read-only")
    ((first, _),) = runs(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=0))
    dispatch.from_gateway(GATEWAY, Cancel(request_id=RequestId("1")), b"", now=1)

    assert dispatch.executor_lost(first, now=1) == []


@pytest.mark.parametrize("what", ["again", "by another executor", "of no request"])
def test_a_result_is_taken_once_and_from_the_executor_that_ran_it(what: str) -> None:
    dispatch = a_dispatch(A, B)
    ((executor, run),) = runs(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=0))
    other = B if executor == A else A

    match what:
        case "again":
            dispatch.ran(executor, run.run_id, b"", now=1)
            assert dispatch.ran(executor, run.run_id, b"", now=1) == []
        case "by another executor":
            assert dispatch.ran(other, run.run_id, b"forged", now=1) == []
        case _:
            assert dispatch.ran(executor, type(run.run_id)(99), b"", now=1) == []


def test_a_result_of_an_executor_that_was_lost_is_dropped() -> None:
    dispatch = a_dispatch(A)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=0))
    dispatch.executor_lost(A, now=1)

    assert dispatch.ran(A, run.run_id, b"late", now=2) == []


def test_an_executor_that_greets_twice_has_lost_what_it_ran() -> None:
    dispatch = a_dispatch(A)
    dispatch.from_gateway(GATEWAY, an_execute(), b"", now=0)

    assert dispatch.executor_arrived(A, 1, now=1) == [LOST]


def test_a_foreign_connection_id_gets_the_answer_of_one_that_never_was() -> None:
    dispatch = a_dispatch(A)

    commands = dispatch.from_gateway(GATEWAY, an_execute(principal=BOB), b"", now=0)

    assert commands == [failed(FaultCode.INVALID_CONNECTION)]


def test_a_request_beyond_the_limit_is_refused_and_the_next_after_an_answer_is_not() -> None:
    dispatch = a_dispatch(A, within=limits(1))
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute("1"), b"", now=0))

    (refused,) = dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=0)

    assert isinstance(refused, TellGateway)
    assert isinstance(refused.message, Failed)
    assert refused.message.request_id == "2"
    assert refused.message.fault == Fault(
        code=FaultCode.OVERLOADED,
        message="The limit of 1 requests at the same time is reached",
    )
    dispatch.ran(A, run.run_id, b"", now=1)
    assert runs(dispatch.from_gateway(GATEWAY, an_execute("3"), b"", now=1))


def test_the_end_of_a_lease_stops_its_runs_and_no_others() -> None:
    dispatch = a_dispatch(A, slots=2)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=0))

    assert dispatch.from_vault(LeaseEnded(connection_id=LEASE), b"", now=1) == [
        TellExecutor(A, Stop(run_id=run.run_id))
    ]
    assert dispatch.from_vault(LeaseEnded(connection_id=LEASE), b"", now=1) == [
        TellExecutor(A, Stop(run_id=run.run_id))
    ]
    assert runs(dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=1)) == []


def test_a_greeting_of_a_gateway_needs_no_answer() -> None:
    dispatch = a_dispatch(A)

    assert dispatch.from_gateway(GATEWAY, Hello(), b"", now=0) == []
    assert dispatch.from_gateway(GATEWAY, a_list(), b"", now=0) != []
