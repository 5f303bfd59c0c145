from collections.abc import Callable

import pymysql
import pytest

from tests.harness.waiting import until
from tests.unit.executor.mysql_login import MysqlLogin
from tests.unit.executor.standin_vault import StandInVault
from tests.unit.executor.statement_bench import StatementBench, a_pool, fault, rows
from wire.faults import FaultCode
from wire.lending import Interrupt, Returned

READ_ONLY = a_pool("read-only")
SLOW = "select sleep(20)"


def count(login: MysqlLogin, mysql_table: str) -> object:
    return login.sql(f"select count(*) from {mysql_table}")[0][0]


def backend(bench: StatementBench) -> object:
    return rows(bench.ask("select connection_id() as id"))[0]["id"]


def is_running(login: MysqlLogin, words: str) -> Callable[[], bool]:
    return lambda: bool(
        login.sql(
            "select 1 from information_schema.processlist where command = 'Query' "
            f"and info like '{words}%'"
        )
    )


def test_a_statement_is_committed(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, mysql_table: str
) -> None:
    answer = mysql_bench.ask(f"insert into {mysql_table} values (:n), (:n)", n=1)

    assert answer == {"success": True, "affected_rows": 2}
    assert count(mysql_login, mysql_table) == 2


def test_affected_rows_are_those_that_were_found(
    mysql_bench: StatementBench, mysql_table: str
) -> None:
    mysql_bench.ask(f"insert into {mysql_table} values (1), (1), (2)")

    assert mysql_bench.ask(f"update {mysql_table} set n = 1 where n = 1")["affected_rows"] == 2
    assert mysql_bench.ask(f"delete from {mysql_table} where n = 9")["affected_rows"] == 0


def test_an_error_says_what_the_server_said(mysql_bench: StatementBench) -> None:
    missing = mysql_bench.ask("select * from nosuch")
    wrong = mysql_bench.ask("selec 1 from")

    assert "nosuch' doesn't exist" in str(missing["error"])
    assert fault(missing) == {"code": "statement_failed", "sqlstate": "42S02"}
    assert fault(wrong)["code"] == "statement_failed"
    assert "One statement per call" in str(fault(wrong)["hint"])


def test_an_error_without_a_sqlstate_of_its_own_has_the_servers_number(
    mysql_bench: StatementBench, mysql_table: str
) -> None:
    mysql_bench.ask(f"alter table {mysql_table} add m int not null")

    answer = mysql_bench.ask(f"insert into {mysql_table} (n) values (1)")

    assert fault(answer)["sqlstate"] == "HY000"
    assert fault(answer)["hint"] == "The server's error 1364."


def test_a_failed_statement_leaves_nothing_and_its_connection_goes_on(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, mysql_table: str
) -> None:
    mysql_login.sql(f"alter table {mysql_table} add unique (n)")
    before = backend(mysql_bench)

    answer = mysql_bench.ask(f"insert into {mysql_table} values (1), (2), (1)")

    assert fault(answer)["sqlstate"] == "23000"
    assert "may_have_run" not in fault(answer)
    assert count(mysql_login, mysql_table) == 0
    assert backend(mysql_bench) == before


@pytest.mark.usefixtures("no_guard")
@pytest.mark.parametrize(
    "statement",
    [
        "insert into {t} values (1)",
        "replace into {t} values (1)",
        "update {t} set n = 2",
        "delete from {t}",
        "truncate {t}",
        "drop table {t}",
        "create table {t}_2 (n int)",
        "alter table {t} add m int",
        "create or replace view {t}_v as select 1",
        "select n from {t} for update",
        "lock tables {t} write",
        "call insert_into_{t}()",
        "call commit_and_insert_into_{t}()",
        "select insert_and_return_{t}()",
    ],
)
def test_nothing_is_written_in_the_transaction_of_a_read_only_lease(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, mysql_table: str, statement: str
) -> None:
    mysql_login.sql(f"insert into {mysql_table} values (0)")
    work = f"insert into {mysql_table} values (3)"
    mysql_login.sql(f"create procedure insert_into_{mysql_table}() {work}")
    mysql_login.sql(
        f"create procedure commit_and_insert_into_{mysql_table}() begin commit; {work}; end"
    )
    mysql_login.server.admin_sql("set global log_bin_trust_function_creators = 1")
    mysql_login.sql(
        f"create function insert_and_return_{mysql_table}() returns int begin {work}; return 1; end"
    )

    answer = mysql_bench.ask(statement.format(t=mysql_table), pool=READ_ONLY)

    assert fault(answer)["sqlstate"] == "25006"
    assert "read-only" in str(fault(answer)["hint"])
    assert mysql_login.sql(f"select n from {mysql_table}") == [(0,)]


@pytest.mark.usefixtures("no_guard")
@pytest.mark.parametrize(
    "statement",
    [
        "set session transaction read write",
        "set autocommit = 1",
        "commit",
        "start transaction read write",
    ],
)
def test_what_would_let_the_next_statement_write_lasts_no_longer_than_its_own_run(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, mysql_table: str, statement: str
) -> None:
    first = mysql_bench.ask(statement, pool=READ_ONLY)
    second = mysql_bench.ask(f"insert into {mysql_table} values (2)", pool=READ_ONLY)

    assert first["success"] is True
    assert fault(second)["sqlstate"] == "25006"
    assert count(mysql_login, mysql_table) == 0


@pytest.mark.parametrize("statement", ["select 1; select 2", "insert into {t} values (1); commit"])
@pytest.mark.usefixtures("no_guard")
def test_two_statements_in_one_are_refused_by_the_server(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, mysql_table: str, statement: str
) -> None:
    answer = mysql_bench.ask(statement.format(t=mysql_table))

    assert fault(answer)["sqlstate"] == "42000"
    assert count(mysql_login, mysql_table) == 0


@pytest.mark.usefixtures("no_guard")
def test_no_file_of_ours_is_ever_sent(mysql_bench: StatementBench, mysql_table: str) -> None:
    answer = mysql_bench.ask(f"load data local infile '/etc/passwd' into table {mysql_table}")

    # Each server says this of a client that sends no files, and of nothing else.
    error = str(answer["error"])
    assert "disabled the local infile" in error or "Loading local data is disabled" in error


@pytest.mark.parametrize("access", ["read-only", "read-write"])
def test_a_deadline_stops_the_statement_at_the_server(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, mysql_vault: StandInVault, access: str
) -> None:
    pool = READ_ONLY if access == "read-only" else a_pool()

    answer = mysql_bench.ask(SLOW, pool=pool, within_s=0.5)

    assert fault(answer)["code"] == "deadline"
    assert fault(answer)["may_have_run"] is False
    assert mysql_vault.next_of(Interrupt).handle == mysql_vault.lent[0]
    assert mysql_vault.next_of(Returned).handles == tuple(mysql_vault.lent)
    until(lambda: not is_running(mysql_login, "select sleep")())


def test_a_cancel_stops_a_statement_that_is_busy_and_undoes_what_it_wrote(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, mysql_table: str
) -> None:
    mysql_login.sql(f"insert into {mysql_table} values " + ", ".join(["(1)"] * 60))
    words, t = f"insert into {mysql_table} select a.n from", mysql_table
    asked = mysql_bench.start(f"{words} {t} a, {t} b, {t} c, {t} d, {t} e")
    until(is_running(mysql_login, words))

    asked.patience.stop(FaultCode.CANCELLED)

    assert fault(asked.answer())["code"] == "cancelled"
    assert fault(asked.answer())["may_have_run"] is False
    until(lambda: not is_running(mysql_login, words)())
    assert count(mysql_login, mysql_table) == 60


def test_a_write_that_does_not_stop_in_time_may_have_run(
    mysql_bench: StatementBench, mysql_vault: StandInVault, mysql_table: str
) -> None:
    mysql_vault.obeys_interrupts = False

    answer = mysql_bench.ask(f"insert into {mysql_table} select sleep(4)", within_s=0.3)

    assert fault(answer)["code"] == "outcome_unknown"
    assert fault(answer)["may_have_run"] is True


def test_a_killed_session_is_a_lost_connection_and_the_next_statement_has_another(
    mysql_bench: StatementBench, mysql_login: MysqlLogin
) -> None:
    asked = mysql_bench.start(SLOW)
    until(is_running(mysql_login, "select sleep"))
    (session,) = mysql_login.sql(
        "select id from information_schema.processlist where info like 'select sleep%'"
    )

    mysql_login.sql(f"kill {session[0]}")

    assert fault(asked.answer())["code"] == "connection_lost"
    assert rows(mysql_bench.ask("select 1 as n")) == [{"n": 1}]


def test_what_a_table_without_transactions_keeps_is_said(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, mysql_table: str
) -> None:
    mysql_login.sql(f"alter table {mysql_table} add unique (n), engine = myisam")

    answer = mysql_bench.ask(f"insert into {mysql_table} values (1), (2), (1)")

    assert fault(answer)["may_have_run"] is True
    assert count(mysql_login, mysql_table) == 2


def test_what_commits_by_itself_and_then_fails_may_have_run(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, mysql_table: str
) -> None:
    mysql_login.sql(
        f"create procedure half_{mysql_table}() begin "
        f"insert into {mysql_table} values (1); commit; select * from nosuch; end"
    )

    answer = mysql_bench.ask(f"call half_{mysql_table}()")

    assert fault(answer)["sqlstate"] == "42S02"
    assert fault(answer)["may_have_run"] is True
    assert count(mysql_login, mysql_table) == 1


def test_a_deadlock_says_nothing_of_an_effect(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, mysql_table: str
) -> None:
    mysql_login.sql(f"alter table {mysql_table} add m int default 0, add primary key (n)")
    mysql_login.sql(f"insert into {mysql_table} (n) values (1), (2)")
    change = f"update {mysql_table} set m = m + 1 where n ="
    mysql_login.sql(f"create procedure cross_{mysql_table}() begin {change} 1; {change} 2; end")

    def first_is_locked() -> bool:
        try:
            mysql_login.sql(f"select n from {mysql_table} where n = 1 for update nowait")
        except pymysql.err.OperationalError:
            return True
        return False

    with mysql_login.direct() as other, other.cursor() as cursor:
        cursor.execute("start transaction")
        # It has changed more, so the server gives up the other one.
        many = ", ".join(f"({n})" for n in range(10, 90))
        cursor.execute(f"insert into {mysql_table} (n) values {many}")
        cursor.execute(f"{change} 2")
        asked = mysql_bench.start(f"call cross_{mysql_table}()")
        until(first_is_locked)
        cursor.execute(f"{change} 1")

        assert fault(asked.answer()) == {"code": "statement_failed", "sqlstate": "40001"}
