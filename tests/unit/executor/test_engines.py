import pytest

from tests.harness.waiting import until
from tests.unit.executor.standin_vault import Login, StandInVault
from tests.unit.executor.statement_bench import StatementBench, a_pool, fault, rows, structured
from wire.faults import Fault, FaultCode
from wire.lending import Borrow, Disposed, Returned


def sessions(login: Login, *, running: str = "") -> list[tuple[object, ...]]:
    """Return the sessions of a login, perhaps only those that run such a statement."""
    return login.server.admin_sql(
        f"select pid from pg_stat_activity where usename = '{login.user}' "
        f"and query like '{running}%'"
    )


def test_a_pool_keeps_its_connection_and_another_principal_gets_its_own(
    bench: StatementBench, vault: StandInVault
) -> None:
    query = "select pg_backend_pid() as pid"

    alice = [bench.ask(query, pool=a_pool(principal="alice")) for _ in range(3)]
    bob = bench.ask(query, pool=a_pool(principal="bob"))
    reader = bench.ask(query, pool=a_pool("read-only", principal="alice"))

    pids = [str(rows(answer)[0]["pid"]) for answer in (*alice, bob, reader)]
    assert pids[0] == pids[1] == pids[2]
    assert len(set(pids)) == 3
    assert len(vault.lent) == 3


def test_who_asks_again_at_once_waits_for_the_connection_that_is_coming_back(
    bench: StatementBench, vault: StandInVault
) -> None:
    query = "select pg_backend_pid() as pid"
    answered = bench.begin(query)

    # The answer is there, so the next question may be.
    too_early = bench.ask(query, within_s=0.2)
    answered.afterwards()
    again = bench.ask(query)

    assert fault(too_early)["code"] == "unavailable"
    assert rows(again) == rows(structured(answered.payload))
    assert len(vault.lent) == 1


def test_as_many_statements_run_at_once_as_there_are_slots(
    bench: StatementBench, vault: StandInVault, login: Login
) -> None:
    together = "select pg_advisory_lock_shared(1), pg_sleep(0.2)"

    asked = [bench.start(together) for _ in range(4)]

    assert all(one.answer()["success"] for one in asked)
    assert 1 <= len(sessions(login)) <= 4
    assert len(vault.lent) <= 4


def test_a_refused_loan_is_the_statements_fault_and_the_next_one_may_work(
    bench: StatementBench, vault: StandInVault
) -> None:
    vault.refuses = lambda _borrow: Fault(code=FaultCode.CONNECTION_LIMIT)

    refused = bench.ask("select 1 as n")
    vault.refuses = lambda _borrow: None
    allowed = bench.ask("select 1 as n")

    assert fault(refused)["code"] == "connection_limit"
    assert rows(allowed) == [{"n": 1}]


def test_a_disposed_pool_closes_its_connections_and_then_says_so(
    bench: StatementBench, vault: StandInVault, login: Login
) -> None:
    bench.ask("select 1")

    bench.executions.engines.dispose(a_pool())

    assert vault.next_of(Returned).handles == tuple(vault.lent)
    assert vault.next_of(Disposed).pool == a_pool()
    until(lambda: not sessions(login))


def test_a_pool_that_never_was_is_disposed_at_once(
    bench: StatementBench, vault: StandInVault
) -> None:
    bench.executions.engines.dispose(a_pool(principal="nobody"))

    assert vault.next_of(Disposed).pool == a_pool(principal="nobody")


def test_a_pool_disposed_of_in_mid_statement_is_gone_when_that_has_ended(
    bench: StatementBench, vault: StandInVault, login: Login
) -> None:
    asked = bench.start("select pg_sleep(20)")
    until(lambda: sessions(login, running="select pg_sleep"))
    vault.next_of(Borrow)

    bench.executions.engines.dispose(a_pool())
    bench.executions.engines.dispose(a_pool())
    asked.patience.stop(FaultCode.CANCELLED)

    assert fault(asked.answer())["code"] == "cancelled"
    assert vault.next_of(Returned).handles == tuple(vault.lent)
    assert vault.next_of(Disposed).pool == a_pool()
    until(lambda: not sessions(login))


def test_a_disposed_pool_may_be_used_again(bench: StatementBench, vault: StandInVault) -> None:
    bench.ask("select 1")
    bench.executions.engines.dispose(a_pool())

    answer = bench.ask("select 2 as n")

    assert rows(answer) == [{"n": 2}]
    assert len(vault.lent) == 2


def test_a_server_that_was_restarted_costs_pooled_connections_and_no_statement(
    bench: StatementBench, vault: StandInVault, login: Login
) -> None:
    asked = [bench.start("select pg_sleep(0.2)") for _ in range(3)]
    assert all(one.answer()["success"] for one in asked)
    before = len(vault.lent)

    login.server.stop("fast")
    login.server.start()

    assert rows(bench.ask("select 1 as n")) == [{"n": 1}]
    assert len(vault.lent) > before


def test_a_lent_session_that_is_dead_on_arrival_is_a_fault_that_blames_nobody(
    bench: StatementBench, vault: StandInVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Login.log_in

    def log_in_and_die(login: Login) -> object:
        connection, session = real(login)
        login.server.admin_sql(f"select pg_terminate_backend({session.backend_id}, 5000)")
        return connection, session

    monkeypatch.setattr(Login, "log_in", log_in_and_die)

    answer = bench.ask("select 1")

    assert fault(answer)["code"] in ("unavailable", "internal")
    assert vault.next_of(Returned).handles == tuple(vault.lent[:1])
