"""Limits are kept, turns are taken, and a lease's usage goes to the vault with the question."""

from broker.commands import Command, TellExecutor, TellGateway, TellVault
from broker.dispatch import Dispatch
from tests.unit.broker.making import (
    BOB,
    GATEWAY,
    LEASE,
    OTHER_LEASE,
    A,
    B,
    a_dispatch,
    a_status,
    an_execute,
    failed,
    granted,
    limits,
    runs,
    the_question,
    the_run,
)
from wire.faults import Fault, FaultCode
from wire.messages import Failed, LeaseEnded, Refused, Settled, TellLease, Used
from wire.usage import Usage

LOST = failed(FaultCode.EXECUTOR_LOST, may_have_run=True)


def asked_usage(commands: list[Command]) -> Usage:
    (command,) = commands
    assert isinstance(command, TellVault)
    assert isinstance(command.message, TellLease)
    return command.message.usage


def ask_status(dispatch: Dispatch, now: float = 10.0) -> Usage:
    return asked_usage(dispatch.from_gateway(GATEWAY, a_status("s"), b"", now=now))


def refusal(commands: list[Command]) -> Fault:
    (command,) = commands
    assert isinstance(command, TellGateway)
    assert isinstance(command.message, Failed)
    return command.message.fault


def test_a_statement_beyond_the_limit_of_its_id_names_it_and_the_next_after_an_end_runs() -> None:
    dispatch = a_dispatch(A, within=limits(per_lease=2), slots=5)
    first = the_run(dispatch.from_gateway(GATEWAY, an_execute("1"), b"", now=0))
    dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=0)

    refused = refusal(dispatch.from_gateway(GATEWAY, an_execute("3"), b"", now=0))

    assert refused.code is FaultCode.STATEMENT_LIMIT
    assert "2 statements" in refused.sentence
    dispatch.ran(A, first.run_id, b"", now=1)
    assert runs(dispatch.from_gateway(GATEWAY, an_execute("4"), b"", now=1))


def test_a_statement_that_nobody_waits_for_counts_until_it_has_ended() -> None:
    dispatch = a_dispatch(A, within=limits(per_lease=1), slots=5)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute("1"), b"", now=0))
    dispatch.gateway_lost(GATEWAY)

    refused = refusal(dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=0))

    assert refused.code is FaultCode.STATEMENT_LIMIT
    dispatch.ran(A, run.run_id, b"", now=1)
    assert runs(dispatch.from_gateway(GATEWAY, an_execute("3"), b"", now=1))


def test_a_principal_that_comes_late_gets_the_second_slot_that_is_free() -> None:
    dispatch = a_dispatch(A)
    of_bob = granted(1_000_001, A, connection_id=OTHER_LEASE, principal=BOB)
    dispatch.from_vault(of_bob, b"", now=0)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute("0"), b"", now=0))
    for number in range(1, 50):
        dispatch.from_gateway(GATEWAY, an_execute(str(number)), b"alice", now=0)
    late = an_execute("bob", connection_id=OTHER_LEASE, principal=BOB)
    dispatch.from_gateway(GATEWAY, late, b"bob", now=1)

    payloads = []
    for _ in range(3):
        (told,) = [
            command
            for command in dispatch.ran(A, run.run_id, b"", now=2)
            if isinstance(command, TellExecutor)
        ]
        payloads.append(told.payload)
        run = the_run([told])

    assert payloads == [b"alice", b"bob", b"alice"]


def test_the_usage_of_a_lease_goes_to_the_vault_and_its_answer_to_the_client() -> None:
    dispatch = a_dispatch(A, slots=2)
    first = the_run(dispatch.from_gateway(GATEWAY, an_execute("1"), b"", now=0))
    dispatch.ran(A, first.run_id, b"12345", rows=3, now=1)
    dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=2)

    commands = dispatch.from_gateway(GATEWAY, a_status("s"), b"", now=5)

    usage = asked_usage(commands)
    assert (usage.statements, usage.rows, usage.bytes, usage.running) == (1, 3, 5, 1)
    assert (usage.since_s, usage.last_used_s) == (5, 3)
    (answer,) = dispatch.from_vault(Settled(run_id=the_question(commands)), b"status", now=6)
    assert isinstance(answer, TellGateway)
    assert answer.payload == b"status"


def test_what_ends_without_an_executors_word_is_an_error_of_its_lease_too() -> None:
    dispatch = a_dispatch(A)
    dispatch.from_gateway(GATEWAY, an_execute("1"), b"", now=0)

    dispatch.executor_lost(A, now=1)

    usage = ask_status(dispatch)
    assert (usage.statements, usage.errors) == (1, 1)
    assert usage.last_fault is FaultCode.EXECUTOR_LOST


def test_somebody_elses_lease_has_no_usage_to_show() -> None:
    dispatch = a_dispatch(A)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute("1"), b"", now=0))
    dispatch.ran(A, run.run_id, b"", rows=3, now=1)

    asked = dispatch.from_gateway(GATEWAY, a_status(principal=BOB), b"", now=2)

    assert asked_usage(asked) == Usage()


def test_asking_how_a_lease_is_does_not_use_it() -> None:
    dispatch = a_dispatch(A)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute("1"), b"", now=0))
    dispatch.ran(A, run.run_id, b"", now=1)
    dispatch.tick(now=1)

    ask_status(dispatch)

    told = [one.message for one in dispatch.tick(now=2) if isinstance(one, TellVault)]
    assert not any(isinstance(message, Used) for message in told)


def test_the_usage_of_a_lease_ends_with_it() -> None:
    dispatch = a_dispatch(A)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute("1"), b"", now=0))
    dispatch.ran(A, run.run_id, b"", now=1)

    dispatch.from_vault(LeaseEnded(connection_id=LEASE), b"", now=2)

    assert len(dispatch._usages) == 0


def test_an_expired_lease_is_said_to_be_so_and_its_grants_are_dropped() -> None:
    dispatch = a_dispatch(A)
    number = the_question(dispatch.from_gateway(GATEWAY, a_status(), b"", now=1))
    expired = Refused(run_id=number, fault=Fault(code=FaultCode.CONNECTION_EXPIRED))

    assert dispatch.from_vault(expired, b"", now=2) == [failed(FaultCode.CONNECTION_EXPIRED)]

    assert runs(dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=3)) == []


def test_a_second_try_that_finds_no_slot_in_time_does_not_say_that_nothing_was_run() -> None:
    dispatch = a_dispatch(A, access="read-only")
    dispatch.from_gateway(GATEWAY, an_execute(deadline_ms=1_000), b"", now=0)
    assert dispatch.executor_lost(A, now=0.5) == []

    assert LOST in dispatch.tick(now=1)


def test_after_its_deadline_nothing_is_tried_again() -> None:
    dispatch = a_dispatch(A, B, access="read-only")
    ((executor, _),) = runs(
        dispatch.from_gateway(GATEWAY, an_execute(deadline_ms=1_000), b"", now=0)
    )

    assert dispatch.executor_lost(executor, now=1) == [LOST]


def test_a_second_try_that_came_too_late_to_run_does_not_speak_for_the_first() -> None:
    dispatch = a_dispatch(A, B, access="read-only")
    ((first, _),) = runs(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=0))
    ((second, again),) = runs(dispatch.executor_lost(first, now=1))

    answered = dispatch.ran(
        second, again.run_id, b"nothing was run", failed=FaultCode.UNAVAILABLE, now=2
    )

    assert answered == [LOST]
