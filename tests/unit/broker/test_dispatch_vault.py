"""The vault is asked, dies, comes back; grants are renewed while their leases are used."""

from broker.commands import TellExecutor, TellGateway, TellVault
from broker.dispatch import Dispatch
from broker.outcomes import unanswered
from tests.harness.router_alone import ALICE
from tests.unit.broker.making import (
    BOB,
    GATEWAY,
    LEASE,
    NEXT_VAULT,
    VAULT,
    A,
    B,
    a_connect,
    a_disconnect,
    a_dispatch,
    a_list,
    an_execute,
    failed,
    granted,
    limits,
    runs,
    the_question,
    the_run,
)
from wire.faults import Fault, FaultCode
from wire.messages import (
    Answer,
    EndLease,
    Failed,
    LeaseEnded,
    ListNamed,
    MintGrants,
    OpenLease,
    Refused,
    Request,
    Settled,
    Stop,
    ToVault,
    Used,
)
from wire.names import ConnectionId, RequestId, RunId
from wire.results import success

ANSWER = Answer(request_id=RequestId("1"))


def asked(commands: list[object]) -> list[ToVault]:
    return [command.message for command in commands if isinstance(command, TellVault)]


def in_doubt(request: Request) -> TellGateway:
    fault = unanswered(request)
    assert fault.code is FaultCode.OUTCOME_UNKNOWN
    return TellGateway(GATEWAY, Failed(request_id=request.request_id, fault=fault))


def invalid(number: RunId) -> Refused:
    return Refused(run_id=number, fault=Fault(code=FaultCode.INVALID_CONNECTION))


def test_opening_a_lease_asks_for_a_grant_for_every_executor_and_passes_the_answer_on() -> None:
    dispatch = a_dispatch(A, B)

    commands = dispatch.from_gateway(GATEWAY, a_connect(), b"", now=0)

    number = the_question(commands)
    assert asked([*commands]) == [
        OpenLease(
            run_id=number,
            principal=ALICE,
            name=a_connect().name,
            executors=(A, B),
            deadline_ms=10_000,
        )
    ]
    assert dispatch.from_vault(granted(number, A, B, opened=True), b"id", now=1) == [
        TellGateway(GATEWAY, ANSWER, b"id")
    ]
    assert runs(dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=1))


def test_a_list_is_asked_of_the_vault_for_its_principal() -> None:
    dispatch = a_dispatch()

    commands = dispatch.from_gateway(GATEWAY, a_list(), b"", now=0)

    number = the_question(commands)
    assert asked([*commands]) == [ListNamed(run_id=number, principal=ALICE)]
    assert dispatch.from_vault(Settled(run_id=number), b"list", now=0) == [
        TellGateway(GATEWAY, ANSWER, b"list")
    ]


def test_a_lease_that_the_router_does_not_know_is_asked_for_and_then_run() -> None:
    dispatch = Dispatch(limits())
    dispatch.vault_arrived(VAULT, now=0)
    dispatch.executor_arrived(A, 1, now=0)

    number = the_question(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=0))

    assert the_run(dispatch.from_vault(granted(number, A), b"", now=1)).grant


def test_a_lease_that_the_vault_does_not_know_either_is_invalid() -> None:
    dispatch = Dispatch(limits())
    dispatch.vault_arrived(VAULT, now=0)
    number = the_question(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=0))

    assert dispatch.from_vault(invalid(number), b"", now=1) == [
        failed(FaultCode.INVALID_CONNECTION)
    ]


def test_an_answer_to_what_was_not_asked_is_dropped() -> None:
    dispatch = a_dispatch(A)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=0))

    assert dispatch.from_vault(Settled(run_id=run.run_id), b"", now=1) == []
    assert dispatch.from_vault(invalid(RunId(77)), b"", now=1) == []


def test_what_a_vault_that_died_did_not_answer_is_asked_of_the_next() -> None:
    dispatch = a_dispatch(A)
    first = dispatch.from_gateway(GATEWAY, a_connect(), b"", now=0)
    assert dispatch.vault_lost(VAULT) == []

    again = dispatch.vault_arrived(NEXT_VAULT, now=1)

    assert again == [TellVault(NEXT_VAULT, message) for message in asked([*first])]
    assert asked([*again])


def test_the_end_of_a_vault_that_has_a_successor_already_is_no_news() -> None:
    dispatch = a_dispatch(A)
    dispatch.vault_arrived(NEXT_VAULT, now=1)

    dispatch.vault_lost(VAULT)

    (command,) = dispatch.from_gateway(GATEWAY, a_list(), b"", now=2)
    assert isinstance(command, TellVault)
    assert command.vault == NEXT_VAULT


def test_a_disconnect_that_the_vault_may_have_carried_out_is_in_doubt_when_it_is_late() -> None:
    dispatch = a_dispatch()
    dispatch.from_gateway(GATEWAY, a_disconnect("at the vault"), b"", now=0)

    commands = dispatch.tick(now=10)

    assert commands == [in_doubt(a_disconnect("at the vault"))]


def test_a_disconnect_that_a_lost_vault_may_have_carried_out_is_in_doubt_when_it_is_late() -> None:
    dispatch = a_dispatch()
    dispatch.from_gateway(GATEWAY, a_disconnect("repeated"), b"", now=0)
    dispatch.vault_lost(VAULT)
    dispatch.from_gateway(GATEWAY, a_disconnect("waiting"), b"", now=0)

    commands = dispatch.tick(now=10)

    assert commands == [
        in_doubt(a_disconnect("repeated")),
        failed(FaultCode.UNAVAILABLE, "waiting"),
    ]


def test_running_leases_go_on_without_a_vault() -> None:
    dispatch = a_dispatch(A)
    dispatch.vault_lost(VAULT)

    assert runs(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=30))


def test_without_a_vault_an_executor_with_a_grant_is_chosen_before_an_idle_one_without() -> None:
    dispatch = a_dispatch(A, slots=2)
    dispatch.from_gateway(GATEWAY, an_execute("1"), b"", now=0)
    dispatch.executor_arrived(B, 2, now=0)
    dispatch.vault_lost(VAULT)

    ((executor, _),) = runs(dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=1))

    assert executor == A


def test_a_new_executor_gets_a_grant_of_its_own_before_its_first_run() -> None:
    dispatch = a_dispatch(A)
    dispatch.from_gateway(GATEWAY, an_execute("1"), b"", now=0)
    dispatch.executor_arrived(B, 1, now=0)

    commands = dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=1)

    (question,) = asked([*commands])
    assert isinstance(question, MintGrants)
    assert question.executors == (A, B)
    ((executor, _),) = runs(dispatch.from_vault(granted(question.run_id, A, B), b"", now=1))
    assert executor == B


def test_a_disconnect_that_a_vault_carried_out_before_it_died_has_worked() -> None:
    dispatch = a_dispatch(A)
    dispatch.from_gateway(GATEWAY, a_disconnect(), b"", now=0)
    dispatch.vault_lost(VAULT)

    number = the_question(dispatch.vault_arrived(NEXT_VAULT, now=1))

    assert dispatch.from_vault(invalid(number), b"", now=1) == [
        TellGateway(GATEWAY, ANSWER, success({}))
    ]


def test_a_lease_that_ended_in_the_death_of_its_vault_is_not_used_any_more() -> None:
    dispatch = a_dispatch(A, slots=2)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute("running"), b"", now=0))
    dispatch.from_gateway(GATEWAY, a_disconnect(), b"", now=0)
    dispatch.vault_lost(VAULT)
    number = the_question(dispatch.vault_arrived(NEXT_VAULT, now=1))

    commands = dispatch.from_vault(invalid(number), b"", now=1)

    assert TellExecutor(A, Stop(run_id=run.run_id)) in commands
    assert runs(dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=2)) == []


def test_a_stranger_s_repeated_disconnect_does_not_touch_the_lease() -> None:
    dispatch = a_dispatch(A)
    dispatch.from_gateway(GATEWAY, a_disconnect(principal=BOB), b"", now=0)
    dispatch.vault_lost(VAULT)
    number = the_question(dispatch.vault_arrived(NEXT_VAULT, now=1))

    dispatch.from_vault(invalid(number), b"", now=1)

    assert runs(dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=2))


def test_a_disconnect_asked_once_and_refused_has_failed() -> None:
    dispatch = a_dispatch(A)
    unknown = a_disconnect(connection_id=ConnectionId("never"))
    number = the_question(dispatch.from_gateway(GATEWAY, unknown, b"", now=0))

    assert dispatch.from_vault(invalid(number), b"", now=1) == [
        failed(FaultCode.INVALID_CONNECTION)
    ]


def test_a_lease_that_ends_while_its_request_waits_for_a_slot_is_asked_for_again() -> None:
    dispatch = a_dispatch(A)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute("1"), b"", now=0))
    dispatch.from_gateway(GATEWAY, an_execute("2"), b"", now=0)
    dispatch.from_vault(LeaseEnded(connection_id=LEASE), b"", now=1)

    commands = dispatch.ran(A, run.run_id, b"", now=2)

    assert runs(commands) == []
    assert [type(message) for message in asked([*commands])] == [MintGrants]


def test_grants_in_use_are_renewed_at_half_their_life_and_use_is_reported() -> None:
    dispatch = a_dispatch(A)
    run = the_run(dispatch.from_gateway(GATEWAY, an_execute(), b"", now=1))
    dispatch.tick(now=1)
    dispatch.ran(A, run.run_id, b"", now=2)

    assert asked([*dispatch.tick(now=2)]) == [Used(connection_ids=(LEASE,))]
    assert dispatch.tick(now=29) == []
    (renewal,) = asked([*dispatch.tick(now=30)])
    assert isinstance(renewal, MintGrants)
    assert (renewal.connection_id, renewal.principal) == (LEASE, ALICE)


def test_nothing_is_renewed_or_reported_without_a_vault_and_use_is_reported_to_the_next() -> None:
    dispatch = a_dispatch(A)
    dispatch.vault_lost(VAULT)
    dispatch.from_gateway(GATEWAY, an_execute(deadline_ms=60_000), b"", now=1)
    assert dispatch.tick(now=20) == []

    dispatch.vault_arrived(NEXT_VAULT, now=20)

    assert Used(connection_ids=(LEASE,)) in asked([*dispatch.tick(now=21)])


def test_an_end_of_a_lease_is_asked_of_the_vault_for_its_principal() -> None:
    dispatch = a_dispatch(A)

    commands = dispatch.from_gateway(GATEWAY, a_disconnect(), b"", now=0)

    number = the_question(commands)
    assert asked([*commands]) == [EndLease(run_id=number, principal=ALICE, connection_id=LEASE)]
