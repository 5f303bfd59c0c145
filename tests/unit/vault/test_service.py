"""The vault as a process: leases, grants, borrowed connections, and their ends."""

import pytest
from msgspec.structs import replace

from tests.harness.vault_alone import Executor, VaultAlone
from tests.harness.waiting import until
from tests.unit.vault.making import BOB, Account, a_connection, the_settings
from wire.control import EndPeer
from wire.faults import FaultCode
from wire.lending import Dispose, Disposed, Interrupt, NotHandedOver, Returned
from wire.messages import EndLease, Granted, ListNamed, Refused, Settled, Used
from wire.names import ConnectionId, Handle, RunId


def code_of(answer: object) -> FaultCode:
    assert isinstance(answer, Refused | NotHandedOver)
    return answer.fault.code


def the_grant(granted: Granted, executor: Executor) -> bytes:
    return granted.grants[executor.name]


def test_a_lease_lends_a_connection_that_works(vault: VaultAlone, account: Account) -> None:
    executor = vault.executor()
    granted = vault.open()

    session = executor.session(the_grant(granted, executor))

    assert session.value("select current_user") == account.role.encode()
    assert vault.lent_backends() == [session.message.session.backend_id]
    session.close()


def test_a_connection_id_is_long_random_and_in_the_answer_for_the_client(
    vault: VaultAlone,
) -> None:
    ids = {vault.open().connection_id for _ in range(3)}

    assert len(ids) == 3
    assert {len(one) for one in ids} == {43}


def test_a_wrong_password_opens_no_lease_and_is_not_tried_for_ever(
    account: Account,
) -> None:
    wrong = {name: value + "x" for name, value in account.environment().items()}
    with VaultAlone(the_settings(account.connection()), wrong) as vault:
        codes = [code_of(vault.try_open()) for _ in range(4)]

        assert codes == [FaultCode.LOGIN_FAILED] * 3 + [FaultCode.LOGIN_PAUSED]
        assert vault.report().leases == ()


def test_a_database_that_cannot_be_reached_is_told_from_a_refusal(account: Account) -> None:
    nowhere = replace(account.connection(), port=1)
    with VaultAlone(the_settings(nowhere), account.environment()) as vault:
        assert code_of(vault.try_open()) is FaultCode.DATABASE_UNREACHABLE


def test_a_name_that_is_not_configured_is_unknown(vault: VaultAlone) -> None:
    assert code_of(vault.try_open(name="other")) is FaultCode.UNKNOWN_CONNECTION_NAME


def test_a_connection_without_credentials_is_reported_and_refused_and_the_vault_goes_on() -> None:
    with VaultAlone(the_settings(a_connection()), {"OTHER": "user:secret"}) as vault:
        assert vault.sealed is not None
        assert vault.sealed.missing == ("MAIN_DB_CREDENTIALS",)
        assert code_of(vault.try_open()) is FaultCode.NOT_AVAILABLE
        assert vault.report().leases == ()


def test_the_list_names_connections_and_no_credentials(vault: VaultAlone, account: Account) -> None:
    answer, payload = vault.ask(
        ListNamed(run_id=vault.run_id(), principal=vault.open().pool.principal)
    )

    assert isinstance(answer, Settled)
    assert b'\\"main\\"' in payload
    assert account.role.encode() not in payload


def test_more_leases_than_a_principal_may_have_are_refused(account: Account) -> None:
    settings = the_settings(account.connection(), leases_per_principal=1)
    with VaultAlone(settings, account.environment()) as vault:
        vault.open()

        assert code_of(vault.try_open()) is FaultCode.LEASE_LIMIT
        assert vault.open(principal=BOB).pool.principal == BOB


def test_more_connections_than_a_database_may_have_are_refused_until_one_is_returned(
    account: Account,
) -> None:
    settings = the_settings(account.connection(), connections_per_database=1)
    with VaultAlone(settings, account.environment()) as vault:
        executor = vault.executor()
        grant = the_grant(vault.open(), executor)
        session = executor.session(grant)
        assert code_of(executor.borrow(grant)) is FaultCode.CONNECTION_LIMIT

        session.close()
        executor.say(Returned(handles=(session.message.handle,)))

        executor.session(grant).close()


@pytest.mark.parametrize("kind", ["changed", "another executor's", "none", "huge"])
def test_a_grant_that_is_not_this_executor_s_lends_nothing(vault: VaultAlone, kind: str) -> None:
    executor, other = vault.executor(), vault.executor("executor-2.0000000b")
    granted = vault.open()
    own = the_grant(granted, executor)
    grant = {
        "changed": own[:-1] + bytes([own[-1] ^ 1]),
        "another executor's": the_grant(granted, other),
        "none": b"",
        "huge": own * 100,
    }[kind]

    assert code_of(executor.borrow(grant)) is FaultCode.GRANT_REFUSED

    executor.session(own).close()


def test_a_lease_is_minted_for_its_principal_only(vault: VaultAlone) -> None:
    vault.executor()
    connection_id = vault.open().connection_id

    foreign = vault.mint(connection_id, principal=BOB)
    unknown = vault.mint(ConnectionId("never"))

    assert isinstance(foreign, Refused)
    assert isinstance(unknown, Refused)
    assert foreign.fault == unknown.fault
    assert isinstance(vault.mint(connection_id), Granted)


def test_an_ended_lease_lends_nothing_and_its_pool_is_given_up_first(vault: VaultAlone) -> None:
    executor = vault.executor()
    granted = vault.open()
    question = EndLease(
        run_id=vault.run_id(),
        principal=granted.pool.principal,
        connection_id=granted.connection_id,
    )
    vault.tell(question)

    assert executor.hear() == Dispose(pool=granted.pool)
    assert vault.ended_lease() == granted.connection_id
    executor.say(Disposed(pool=granted.pool))

    assert isinstance(vault.answer_to(question.run_id)[0], Settled)
    assert code_of(executor.borrow(the_grant(granted, executor))) is FaultCode.GRANT_REFUSED
    assert code_of(vault.ask(replace(question, run_id=RunId(77)))[0]) is (
        FaultCode.INVALID_CONNECTION
    )


def test_nobody_ends_the_lease_of_another_principal(vault: VaultAlone) -> None:
    granted = vault.open()
    question = EndLease(run_id=vault.run_id(), principal=BOB, connection_id=granted.connection_id)

    assert code_of(vault.ask(question)[0]) is FaultCode.INVALID_CONNECTION
    assert isinstance(vault.mint(granted.connection_id), Granted)


def test_a_pool_of_two_leases_is_given_up_with_the_second(vault: VaultAlone) -> None:
    executor = vault.executor()
    first, second = vault.open(), vault.open()
    end = EndLease(
        run_id=vault.run_id(),
        principal=first.pool.principal,
        connection_id=first.connection_id,
    )

    assert isinstance(vault.ask(end)[0], Settled)

    executor.session(the_grant(second, executor)).close()


def test_a_lease_that_is_not_used_ends_by_itself_and_one_in_use_does_not(
    account: Account,
) -> None:
    settings = the_settings(account.connection(), lease_idle_ms=1_500)
    with VaultAlone(settings, account.environment()) as vault:
        executor = vault.executor()
        idle, used = vault.open(principal=BOB), vault.open()

        def keep() -> bool:
            vault.tell(Used(connection_ids=(used.connection_id,)))
            return len(vault.report().leases) == 1

        until(keep)

        assert vault.ended_lease() == idle.connection_id
        assert executor.hear() == Dispose(pool=idle.pool)
        assert isinstance(vault.mint(used.connection_id), Granted)


def test_who_does_not_give_a_pool_up_loses_its_sessions_and_then_its_life(
    vault: VaultAlone, account: Account
) -> None:
    executor = vault.executor()
    granted = vault.open()
    session = executor.session(the_grant(granted, executor))
    session.send_query("select pg_sleep(60)")
    until(account.is_busy)
    question = EndLease(
        run_id=vault.run_id(),
        principal=granted.pool.principal,
        connection_id=granted.connection_id,
    )

    vault.tell(question)

    until(lambda: account.sessions() == 0)
    assert vault.vault.hear(EndPeer).incarnation == executor.name
    session.close()


def test_an_executor_can_have_its_own_statement_cancelled_and_no_other_s(
    vault: VaultAlone, account: Account
) -> None:
    executor, other = vault.executor(), vault.executor("executor-2.0000000b")
    session = executor.session(the_grant(vault.open(), executor))
    session.send_query("select pg_sleep(60)")
    until(account.is_busy)

    other.say(Interrupt(handle=session.message.handle))
    other.say(Interrupt(handle=Handle("guessed")))
    assert vault.report().loans
    assert not session.has_pending_bytes()
    executor.say(Interrupt(handle=session.message.handle))

    assert session.sqlstate() == b"57014"
    session.close()


def test_two_principals_get_sessions_of_their_own(vault: VaultAlone) -> None:
    executor = vault.executor()
    sessions = [
        executor.session(the_grant(vault.open(principal=who), executor))
        for who in (BOB, vault.open().pool.principal)
    ]

    assert len({session.message.session.backend_id for session in sessions}) == 2
    assert len({session.message.handle for session in sessions}) == 2
    for session in sessions:
        session.close()
