import gc
import time

import pytest

from executor.waiting import Patience
from tests.harness.mariadb import MariadbServer
from tests.unit.executor.mysql_login import MysqlLogin
from tests.unit.executor.standin_vault import StandInVault
from tests.unit.executor.statement_bench import StatementBench, a_pool, rows
from wire.lending import Returned


def one(bench: StatementBench, query: str) -> object:
    (row,) = rows(bench.ask(query))
    (value,) = row.values()
    return value


def backend(bench: StatementBench) -> object:
    return one(bench, "select connection_id()")


@pytest.mark.usefixtures("no_guard")
@pytest.mark.parametrize(
    ("change", "look"),
    [
        pytest.param("set @mine = 'left'", "select @mine", id="user variable"),
        pytest.param("create temporary table left_over (n int)", None, id="temporary table"),
        pytest.param("prepare left_over from 'select 1'", None, id="prepared statement"),
        pytest.param("select get_lock('mine', 0)", "select is_used_lock('mine')", id="lock"),
        pytest.param("use information_schema", "select database()", id="database"),
        pytest.param("set role left_role", "select current_role()", id="role"),
        pytest.param("set names latin1", "select @@character_set_client", id="character set"),
        pytest.param("set character_set_results = null", "select 'é'", id="results as they are"),
        pytest.param("set sql_mode = 'ansi_quotes'", 'select "text"', id="quotes"),
        pytest.param("set sql_mode = 'no_backslash_escapes'", "select '\\''", id="backslashes"),
        pytest.param("set time_zone = '+05:45'", "select @@time_zone", id="time zone"),
        pytest.param("set timestamp = 1", "select unix_timestamp() > 1000000", id="clock"),
        pytest.param("set foreign_key_checks = 0", "select @@foreign_key_checks", id="checks"),
        pytest.param("set autocommit = 0", "select @@autocommit", id="autocommit"),
        pytest.param(
            "set session transaction isolation level serializable",
            "select @@session.tx_isolation",
            id="isolation",
        ),
        pytest.param("select last_insert_id(55)", "select last_insert_id()", id="last id"),
        pytest.param("select 1 union select 2", "select found_rows()", id="rows found"),
        pytest.param("set session max_sort_length = 5", "select @@max_sort_length", id="setting"),
        pytest.param("set session sql_select_limit = 1", "select @@sql_select_limit", id="limit"),
    ],
)
def test_nothing_of_one_use_shows_in_the_next(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, change: str, look: str | None
) -> None:
    if "isolation" in change and not isinstance(mysql_login.server, MariadbServer):
        look = "select @@session.transaction_isolation"
    server = mysql_login.server
    server.admin_sql("create role if not exists left_role")
    server.admin_sql(f"grant left_role to `{mysql_login.user}`@`%`")
    before = backend(mysql_bench), look and mysql_bench.ask(look)

    changed = mysql_bench.ask(change)
    after = backend(mysql_bench), look and mysql_bench.ask(look)

    assert changed["success"] is True
    assert after == before
    if look is None:
        # Made again, which would fail were it still there.
        assert mysql_bench.ask(change)["success"] is True


def test_who_sets_the_seeds_does_not_know_what_the_next_one_draws(
    mysql_bench: StatementBench,
) -> None:
    drawn = []

    for _ in range(2):
        mysql_bench.ask("set rand_seed1 = 5, rand_seed2 = 7")
        drawn.append((one(mysql_bench, "select rand()"), backend(mysql_bench)))

    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] == drawn[1][1]


def test_the_statements_of_one_use_are_not_in_the_next_ones_profiles(
    mysql_bench: StatementBench,
) -> None:
    mysql_bench.ask("set profiling = 1, profiling_history_size = 100")

    answer = mysql_bench.ask("show profiles")

    assert rows(answer) == []
    assert one(mysql_bench, "select @@profiling") == 0


def test_the_servers_own_modes_stay_but_those_of_quotes(
    mysql_bench: StatementBench, mysql_login: MysqlLogin
) -> None:
    server = mysql_login.server
    usual = str(server.admin_sql("select @@global.sql_mode")[0][0])
    try:
        server.admin_sql("set global sql_mode = 'ansi,no_backslash_escapes,high_not_precedence'")
        found = str(one(mysql_bench, "select @@sql_mode")).split(",")
        text = one(mysql_bench, "select concat(\"it\\'s\", 'a')")
    finally:
        server.admin_sql("set global sql_mode = %s", usual)

    assert "HIGH_NOT_PRECEDENCE" in found
    assert "PIPES_AS_CONCAT" in found
    assert not {"ANSI", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"} & set(found)
    assert text == "it'sa"


def test_a_connection_that_cannot_be_made_as_new_is_closed(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, mysql_vault: StandInVault
) -> None:
    user = mysql_login.user
    first = backend(mysql_bench)

    mysql_bench.ask(f"drop database {user}")
    mysql_login.server.admin_sql(f"create database {user}")
    mysql_bench.ask("select 1")
    mysql_login.server.admin_sql(f"drop database {user}")
    mysql_bench.ask("select 1")

    mysql_login.server.admin_sql(f"create database {user}")
    assert backend(mysql_bench) != first
    assert mysql_vault.next_of(Returned).handles == (mysql_vault.lent[0],)


def test_a_connection_that_died_while_idle_is_replaced_unnoticed(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, mysql_vault: StandInVault
) -> None:
    first = backend(mysql_bench)
    mysql_login.sql(f"kill {first}")

    second = backend(mysql_bench)

    assert second != first
    assert mysql_vault.next_of(Returned).handles == (mysql_vault.lent[0],)


def test_a_connection_that_nobody_gave_back_is_not_handed_out_again(
    mysql_bench: StatementBench,
) -> None:
    first = backend(mysql_bench)
    patience = Patience(time.monotonic() + 10)
    checkout = mysql_bench.executions.mysql.engines.check_out(a_pool(), b"a grant", patience)
    checkout.connection.cursor().execute("set @mine = 'left'")

    del checkout
    gc.collect()

    assert backend(mysql_bench) != first
    assert one(mysql_bench, "select @mine") is None


def test_a_pool_is_nobody_elses(mysql_bench: StatementBench, mysql_vault: StandInVault) -> None:
    ids = [
        rows(mysql_bench.ask("select connection_id() as id", pool=pool))[0]["id"]
        for pool in (
            a_pool(principal="alice"),
            a_pool(principal="alice"),
            a_pool(principal="bob"),
            a_pool("read-only", principal="alice"),
        )
    ]

    assert ids[0] == ids[1]
    assert len(set(ids)) == len(mysql_vault.lent) == 3
