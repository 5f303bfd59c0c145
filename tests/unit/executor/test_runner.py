from collections.abc import Callable

import pytest

from tests.harness.waiting import until
from tests.unit.executor.standin_vault import Login, StandInVault
from tests.unit.executor.statement_bench import StatementBench, a_pool, fault, rows
from wire.faults import FaultCode
from wire.lending import Interrupt, Returned

READ_ONLY = a_pool("read-only")


def backend(bench: StatementBench) -> object:
    return rows(bench.ask("select pg_backend_pid() as pid"))[0]["pid"]


def count(login: Login, table: str) -> object:
    return login.server.admin_sql(f"select count(*) from {table}")[0][0]


def is_active(login: Login) -> Callable[[], bool]:
    return lambda: bool(
        login.server.admin_sql(
            "select 1 from pg_stat_activity where state = 'active' "
            f"and usename = '{login.user}' and query like '%pg_sleep%'"
        )
    )


def test_a_statement_is_committed(bench: StatementBench, login: Login, own_table: str) -> None:
    bench.ask(f"insert into {own_table} values (:n)", n=1)

    assert count(login, own_table) == 1


def test_an_error_says_what_the_server_said_and_where_in_the_clients_own_text(
    bench: StatementBench,
) -> None:
    answer = bench.ask("select :first, /* é */ :second::int, nosuch", first="a", second=2)

    assert answer["error"] == 'column "nosuch" does not exist'
    assert fault(answer) == {
        "code": "statement_failed",
        "sqlstate": "42703",
        "position": "select :first, /* é */ :second::int, nosuch".index("nosuch") + 1,
    }


def test_an_error_brings_the_servers_detail_and_hint(bench: StatementBench, own_table: str) -> None:
    bench.ask(f"create unique index on {own_table} (n)")
    bench.ask(f"insert into {own_table} values (1)")

    twice = bench.ask(f"insert into {own_table} values (1)")
    misspelt = bench.ask("select abss(1)")

    assert "Key (n)=(1) already exists." in str(twice["error"])
    assert "No function matches" in str(fault(misspelt)["hint"])


def test_what_only_shows_at_commit_is_the_statements_error(
    bench: StatementBench, login: Login, own_table: str
) -> None:
    bench.ask(f"alter table {own_table} add unique (n) deferrable initially deferred")

    answer = bench.ask(f"insert into {own_table} values (1), (1)")

    assert fault(answer)["sqlstate"] == "23505"
    assert count(login, own_table) == 0
    assert rows(bench.ask("select 1 as n")) == [{"n": 1}]


@pytest.mark.parametrize(
    "statement",
    ["commit; insert into {t} values (1)", "select 1; select 2", "select 1; commit"],
)
def test_two_statements_in_one_are_refused_by_the_protocol(
    bench: StatementBench, login: Login, own_table: str, statement: str
) -> None:
    answer = bench.ask(statement.format(t=own_table))

    assert answer["success"] is False
    assert fault(answer)["code"] in ("statement_failed", "statement_refused")
    assert count(login, own_table) == 0


@pytest.mark.usefixtures("no_guard")
@pytest.mark.parametrize(
    "statement",
    [
        "insert into {t} values (1)",
        "with a as (insert into {t} values (1) returning n) select * from a",
        "do $$ begin insert into {t} values (1); end $$",
        "do $$ begin set transaction read write; insert into {t} values (1); end $$",
        "do $$ begin commit; insert into {t} values (1); end $$",
        "do $$ begin rollback; set transaction read write; insert into {t} values (1); end $$",
        "set transaction_read_only = off",
        "select set_config('transaction_read_only', 'off', false)",
        "set default_transaction_read_only = off",
        "create table {t}_2 ()",
        "select nextval('{t}_s')",
        "truncate {t}",
        "explain analyze insert into {t} values (1)",
    ],
)
def test_nothing_is_written_in_the_transaction_of_a_read_only_lease(
    bench: StatementBench, login: Login, own_table: str, statement: str
) -> None:
    login.server.admin_sql(f"create sequence {own_table}_s")
    login.server.admin_sql(f"grant all on sequence {own_table}_s to {login.user}")

    first = bench.ask(statement.format(t=own_table), pool=READ_ONLY)
    second = bench.ask(f"insert into {own_table} values (2)", pool=READ_ONLY)

    assert first["success"] is False or "set" in statement
    assert fault(second)["sqlstate"] == "25006"
    assert "read-only" in str(fault(second)["hint"])
    assert count(login, own_table) == 0
    called = login.server.admin_sql(f"select is_called from {own_table}_s")
    assert called == [(False,)]


def test_a_statement_past_its_deadline_is_cancelled_and_its_connection_closed(
    bench: StatementBench, vault: StandInVault, login: Login, own_table: str
) -> None:
    bench.ask("select 1")
    (handle,) = vault.lent

    answer = bench.ask(f"insert into {own_table} select 1 from pg_sleep(20)", within_s=0.3)

    assert (fault(answer)["code"], fault(answer)["may_have_run"]) == ("deadline", False)
    assert vault.next_of(Interrupt).handle == handle
    assert vault.next_of(Returned).handles == (handle,)
    assert count(login, own_table) == 0
    assert rows(bench.ask("select 1 as n")) == [{"n": 1}]
    assert len(vault.lent) == 2


def test_a_stopped_statement_is_cancelled_at_the_database(
    bench: StatementBench, login: Login
) -> None:
    asked = bench.start("select pg_sleep(20)")
    until(is_active(login))

    asked.patience.stop(FaultCode.CANCELLED)

    assert fault(asked.answer())["code"] == "cancelled"
    assert not is_active(login)()


@pytest.mark.parametrize(
    ("access", "code"), [("read-only", "cancelled"), ("read-write", "outcome_unknown")]
)
def test_a_vault_that_does_not_cancel_costs_the_connection_and_a_write_its_certainty(
    bench: StatementBench, vault: StandInVault, login: Login, access: str, code: str
) -> None:
    vault.obeys_interrupts = False
    pool = a_pool("read-only" if access == "read-only" else "read-write")
    asked = bench.start("select pg_sleep(20)", pool=pool)
    until(is_active(login))

    asked.patience.stop(FaultCode.CANCELLED)

    assert fault(asked.answer())["code"] == code
    # client_connection_check_interval: the server notices that we are gone.
    until(lambda: not is_active(login)())


def test_somebody_elses_cancel_is_an_error_of_the_statement(
    bench: StatementBench, login: Login
) -> None:
    asked = bench.start("select pg_sleep(20)")
    until(is_active(login))

    login.server.admin_sql(
        f"select pg_cancel_backend(pid) from pg_stat_activity where usename = '{login.user}'"
    )

    answer = asked.answer()
    assert (fault(answer)["code"], fault(answer)["sqlstate"]) == ("statement_failed", "57014")


def test_a_session_ended_in_mid_statement_is_lost_and_not_run_again(
    bench: StatementBench, login: Login, own_table: str
) -> None:
    asked = bench.start(f"insert into {own_table} select 1 from pg_sleep(20)")
    until(is_active(login))

    login.server.admin_sql(
        f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{login.user}'"
    )

    answer = asked.answer()
    assert (fault(answer)["code"], fault(answer)["may_have_run"]) == ("connection_lost", True)
    assert count(login, own_table) == 0
    assert rows(bench.ask("select 1 as n")) == [{"n": 1}]


def test_a_connection_that_died_while_idle_is_replaced_before_anything_is_sent(
    bench: StatementBench, vault: StandInVault, login: Login, own_table: str
) -> None:
    before = backend(bench)
    login.server.admin_sql(f"select pg_terminate_backend({before})")
    until(
        lambda: not login.server.admin_sql(f"select 1 from pg_stat_activity where pid = {before}")
    )

    answer = bench.ask(f"insert into {own_table} values (1)")

    assert answer == {"success": True, "affected_rows": 1}
    assert len(vault.lent) == 2


@pytest.mark.parametrize("statement", ["copy (select 1) to stdout", "copy {t} from stdin"])
def test_a_copy_that_gets_past_the_guard_costs_its_connection_only(
    bench: StatementBench, own_table: str, statement: str
) -> None:
    hidden = statement.format(t=own_table)

    answer = bench.ask(f"do $$ begin execute '{hidden}'; end $$")

    assert answer["success"] is False
    assert rows(bench.ask("select 1 as n")) == [{"n": 1}]


def test_a_large_statement_and_a_large_parameter_arrive_whole(bench: StatementBench) -> None:
    literal, value = "x" * 900_000, "y" * 3_000_000

    answer = bench.ask(f"select length('{literal}') as a, length(:v::text) as b", v=value)

    assert rows(answer) == [{"a": 900_000, "b": 3_000_000}]
