"""Somebody dies: the vault, an executor, the router, the supervisor."""

from pathlib import Path

from tests.harness.sessions import Session
from tests.harness.vault_alone import Executor, VaultAlone
from tests.harness.waiting import until
from tests.unit.vault.making import Account
from wire.lending import Dispose, Interrupt
from wire.messages import EndLease, Granted, Refused, Settled
from wire.names import Handle

SOON_S = 1.0
"""How long a statement may go on whose executor has died."""


def end_of(granted: Granted, vault: VaultAlone) -> EndLease:
    return EndLease(
        run_id=vault.run_id(),
        principal=granted.pool.principal,
        connection_id=granted.connection_id,
    )


def lent(vault: VaultAlone, executor: Executor) -> tuple[Granted, Session]:
    granted = vault.open()
    return granted, executor.session(granted.grants[executor.name])


def test_the_next_vault_goes_on_with_the_same_ids(vault: VaultAlone) -> None:
    executor = vault.executor()
    granted = vault.open()

    for _ in range(3):
        vault.restart()
        minted = vault.mint(granted.connection_id)

        assert isinstance(minted, Granted)
        assert minted.pool == granted.pool
        executor.session(minted.grants[executor.name]).close()


def test_a_grant_of_the_last_vault_is_good_with_the_next(vault: VaultAlone) -> None:
    executor = vault.executor()
    granted = vault.open()

    vault.restart()

    executor.session(granted.grants[executor.name]).close()


def test_the_next_vault_needs_no_environment(vault: VaultAlone) -> None:
    vault.restart()

    assert vault.sealed is not None
    assert vault.sealed.missing == ()
    assert isinstance(vault.try_open(), Granted)


def test_a_lent_connection_outlives_its_vault_and_can_still_be_cancelled(
    vault: VaultAlone, account: Account
) -> None:
    executor = vault.executor()
    _, session = lent(vault, executor)
    session.send_query("select pg_sleep(60)")
    until(account.is_busy)

    executor.holding = (session.message.handle,)
    vault.restart()
    executor.say(Interrupt(handle=session.message.handle))

    assert session.sqlstate() == b"57014"
    session.close()


def test_what_an_executor_holds_no_more_is_struck_and_what_it_holds_is_kept(
    vault: VaultAlone,
) -> None:
    executor = vault.executor()
    _, kept = lent(vault, executor)
    _, closed = lent(vault, executor)
    closed.close()

    executor.holding = (kept.message.handle, Handle("never lent"))
    vault.restart()

    until(lambda: vault.lent_backends() == [kept.message.session.backend_id])
    kept.close()


def test_the_sessions_of_an_executor_that_died_are_ended_at_the_database(
    vault: VaultAlone, account: Account
) -> None:
    executor = vault.executor()
    _, session = lent(vault, executor)
    session.send_query("select pg_sleep(60)")
    until(account.is_busy)

    # Its descriptor stays open here: the server alone would not notice.
    vault.lose(executor)

    until(lambda: account.sessions() == 0, within_s=SOON_S)
    assert vault.report().loans == ()
    session.close()


def test_the_end_of_the_pair_is_enough_to_know_that_an_executor_died(
    vault: VaultAlone, account: Account
) -> None:
    executor = vault.executor()
    _, session = lent(vault, executor)

    vault.lose(executor, tell=False)

    until(lambda: account.sessions() == 0, within_s=SOON_S)
    session.close()


def test_the_sessions_of_an_executor_that_died_without_a_vault_are_ended_by_the_next(
    vault: VaultAlone, account: Account
) -> None:
    dead, alive = vault.executor(), vault.executor("executor-2.0000000b")
    _, lost = lent(vault, dead)
    _, kept = lent(vault, alive)
    alive.holding = (kept.message.handle,)
    vault.kill()
    vault.lose(dead, tell=False)

    vault.start()

    until(lambda: vault.lent_backends() == [kept.message.session.backend_id])
    until(lambda: account.sessions() == 1)
    assert kept.value("select 1") == b"1"
    lost.close()
    kept.close()


def test_a_pool_whose_vault_died_before_it_was_given_up_is_given_up_with_the_next(
    vault: VaultAlone,
) -> None:
    executor = vault.executor()
    granted, session = lent(vault, executor)
    vault.tell(end_of(granted, vault))
    assert executor.hear() == Dispose(pool=granted.pool)
    vault.ended_lease()

    executor.holding = (session.message.handle,)
    vault.restart()

    assert executor.hear() == Dispose(pool=granted.pool)
    session.close()


def test_a_disconnect_is_answered_when_the_executor_that_should_confirm_dies(
    vault: VaultAlone,
) -> None:
    executor = vault.executor()
    question = end_of(vault.open(), vault)
    vault.tell(question)
    executor.hear()

    vault.lose(executor)

    assert isinstance(vault.answer_to(question.run_id)[0], Settled)


def test_a_lease_that_ended_is_over_for_the_next_vault(vault: VaultAlone) -> None:
    granted = vault.open()
    assert isinstance(vault.ask(end_of(granted, vault))[0], Settled)

    vault.restart()

    assert isinstance(vault.mint(granted.connection_id), Refused)


def test_a_new_pair_takes_the_place_of_the_old_one(vault: VaultAlone) -> None:
    executor = vault.executor()
    granted, session = lent(vault, executor)

    executor.holding = (session.message.handle,)
    old, executor.link = executor.link, None
    assert old is not None

    vault.meet(executor)
    vault.tell(end_of(granted, vault))

    assert executor.hear() == Dispose(pool=granted.pool)
    assert old.recv(1) == b""
    old.close()
    session.close()


def test_a_new_router_is_greeted_and_answered(vault: VaultAlone) -> None:
    granted = vault.open()

    for _ in range(3):
        vault.replace_router()

        assert isinstance(vault.mint(granted.connection_id), Granted)


def test_the_vault_ends_when_it_is_told_to(vault: VaultAlone) -> None:
    assert vault.vault.finish() == 0


def test_the_vault_ends_with_the_supervisor(vault: VaultAlone) -> None:
    vault.vault.leave_alone()

    assert vault.vault.wait() == 0


def test_the_vault_has_no_password_in_its_command_line_or_environment(
    vault: VaultAlone, account: Account
) -> None:
    for child in (vault.vault, vault.server):
        process = Path(f"/proc/{child.pid}")
        assert account.password.encode() not in (process / "cmdline").read_bytes()
        assert account.password.encode() not in (process / "environ").read_bytes()
