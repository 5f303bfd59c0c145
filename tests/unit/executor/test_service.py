import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.waiting import until
from tests.unit.executor.standin_router import ExecutorProcess, StandInRouter
from tests.unit.executor.standin_vault import Login, StandInVault
from tests.unit.executor.statement_bench import a_pool, fault, rows
from wire.lending import Dispose, Disposed, Holding, Interrupt
from wire.messages import Hello


@pytest.fixture
def router(adopt_dir: Path) -> Iterator[StandInRouter]:
    made = StandInRouter(adopt_dir)
    yield made
    made.close()


@pytest.fixture
def executor(
    adopt_dir: Path, router: StandInRouter, vault: StandInVault
) -> Iterator[ExecutorProcess]:
    with ExecutorProcess(adopt_dir) as made:
        made.lend_from(vault)
        assert made.meet(router) == Hello(slots=2)
        yield made


def sleepers(login: Login) -> int:
    return len(
        login.server.admin_sql(
            f"select 1 from pg_stat_activity where usename = '{login.user}' "
            "and state = 'active' and query like '%pg_sleep%'"
        )
    )


@pytest.mark.usefixtures("executor")
def test_a_run_is_answered_once_with_its_number(router: StandInRouter) -> None:
    router.run(7, "select :a::int as a", a=41)

    assert router.answer()[0] == 7
    assert router.is_quiet()


@pytest.mark.usefixtures("executor")
def test_many_runs_are_all_answered(router: StandInRouter) -> None:
    answers = {}

    for number in range(200):
        router.run(number, "select :n::int as n", n=number)
        if number >= 2:
            got, answer = router.answer()
            answers[got] = rows(answer)
    for _ in range(2):
        got, answer = router.answer()
        answers[got] = rows(answer)

    assert answers == {number: [{"n": number}] for number in range(200)}


def test_runs_beyond_the_slots_wait_and_beyond_that_are_refused(
    executor: ExecutorProcess, router: StandInRouter, login: Login
) -> None:
    for number in range(4):
        router.run(number, "select pg_sleep(20)")
    until(lambda: sleepers(login) == 2)

    router.run(4, "select 1")
    refused = router.answer()
    for number in range(4):
        router.stop(number)
    cancelled = dict(router.answer() for _ in range(4))

    assert (refused[0], fault(refused[1])["code"]) == (4, "overloaded")
    assert {fault(answer)["code"] for answer in cancelled.values()} == {"cancelled"}
    assert executor.process.poll() is None


@pytest.mark.usefixtures("executor")
def test_a_stopped_run_is_interrupted_by_the_vault_and_still_answered(
    router: StandInRouter, vault: StandInVault, login: Login
) -> None:
    router.run(1, "select pg_sleep(20)")
    until(lambda: sleepers(login) == 1)

    router.stop(1)
    router.stop(99)

    number, answer = router.answer()
    assert (number, fault(answer)["code"]) == (1, "cancelled")
    assert vault.next_of(Interrupt).handle == vault.lent[0]
    until(lambda: sleepers(login) == 0)


@pytest.mark.usefixtures("executor")
def test_nonsense_from_the_router_costs_nothing(router: StandInRouter) -> None:
    router.say(b"nonsense", b"")
    router.say(b"")
    router.say(b"one", b"two", b"three")

    router.run(1, "select 1 as n")

    assert router.answer()[0] == 1


def test_a_lost_router_costs_its_runs_and_the_next_one_starts_afresh(
    executor: ExecutorProcess, router: StandInRouter, adopt_dir: Path, login: Login
) -> None:
    router.run(1, "select 'first' as of_router, pg_sleep(0.5)")
    until(lambda: sleepers(login) == 1)
    executor.lose_router()
    second = StandInRouter(adopt_dir)

    hello = executor.meet(second)
    second.run(1, "select 'second' as of_router")

    assert hello == Hello(slots=2)
    assert rows(second.answer()[1]) == [{"of_router": "second"}]
    until(lambda: sleepers(login) == 0)
    second.run(2, "select 2 as n")
    assert second.answer()[0] == 2
    second.close()


def test_pooled_connections_outlive_the_vault_and_are_declared_to_the_next(
    executor: ExecutorProcess, router: StandInRouter, vault: StandInVault, login: Login
) -> None:
    # As many as there are slots, so that the pool has no reason to borrow another.
    for number in range(2):
        router.run(number, "select pg_backend_pid() as pid, pg_sleep(1) is null as slept")
    until(lambda: sleepers(login) == 2)
    before = [row["pid"] for _ in range(2) for row in rows(router.answer()[1])]
    vault.die()

    router.run(2, "select pg_backend_pid() as pid")
    between = rows(router.answer()[1])
    router.run(3, "select 3 as n", pool=a_pool(principal="new"))
    with StandInVault(login) as second:
        executor.lend_from(second)

        assert set(second.next_of(Holding).handles) == set(vault.lent)
        assert rows(router.answer()[1]) == [{"n": 3}]
    assert between[0]["pid"] in before


@pytest.mark.usefixtures("executor")
def test_a_disposed_pool_is_given_up_though_it_is_in_use(
    router: StandInRouter, vault: StandInVault, login: Login
) -> None:
    router.run(1, "select pg_sleep(20)")
    until(lambda: sleepers(login) == 1)

    vault.tell(Dispose(pool=a_pool("read-only")))

    assert vault.next_of(Disposed).pool == a_pool("read-only")
    assert fault(router.answer()[1])["code"] == "cancelled"
    until(lambda: sleepers(login) == 0)


def test_it_ends_in_good_order_when_told_to(
    executor: ExecutorProcess, router: StandInRouter, login: Login
) -> None:
    router.run(1, "select 1")
    router.answer()

    assert executor.finish() == 0
    until(
        lambda: (
            not login.server.admin_sql(
                f"select 1 from pg_stat_activity where usename = '{login.user}'"
            )
        )
    )
    assert executor.log() == ""


def test_it_ends_with_its_supervisor(executor: ExecutorProcess) -> None:
    assert executor.die_with_supervisor() == 0


def test_a_killed_executor_leaves_its_statement_to_a_server_that_notices(
    executor: ExecutorProcess, router: StandInRouter, login: Login
) -> None:
    router.run(1, "select pg_sleep(20)", pool=a_pool("read-write"))
    until(lambda: sleepers(login) == 1)

    os.kill(executor.process.pid, signal.SIGKILL)

    until(lambda: sleepers(login) == 0)
