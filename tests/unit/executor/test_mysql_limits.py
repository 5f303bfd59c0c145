from pathlib import Path

import pytest

from executor.borrowing import VaultLink
from tests.harness.mysql9 import Mysql9Server
from tests.unit.executor.mysql_login import MysqlLogin
from tests.unit.executor.statement_bench import LIMITS, StatementBench, a_pool, fault, rows

READ_ONLY = a_pool("read-only")


def test_rows_beyond_the_limit_are_cut_off(mysql_bench: StatementBench, mysql_table: str) -> None:
    most = LIMITS["rows_max"]
    mysql_bench.ask(f"insert into {mysql_table} values " + ", ".join(["(1)"] * (most + 1)))

    for pool in (a_pool(), READ_ONLY):
        cut = mysql_bench.ask(f"select n from {mysql_table}", pool=pool)
        whole = mysql_bench.ask(f"select n from {mysql_table} limit {most}", pool=pool)

        assert (cut["row_count"], cut["truncated"]) == (most, True)
        assert whole["row_count"] == most
        assert "truncated" not in whole


@pytest.mark.parametrize(
    "query", ["select repeat('x', 2000000) as x", "select n, repeat('x', 30000) as x from {t}"]
)
def test_a_result_that_is_too_large_is_a_fault(
    mysql_bench: StatementBench, mysql_table: str, query: str
) -> None:
    mysql_bench.ask(f"insert into {mysql_table} values " + ", ".join(["(1)"] * 60))

    for pool in (a_pool(), READ_ONLY):
        answer = mysql_bench.ask(query.format(t=mysql_table), pool=pool)

        assert fault(answer)["code"] == "result_too_large"
    assert rows(mysql_bench.ask("select 1 as n")) == [{"n": 1}]


def test_of_several_results_the_first_one_with_rows_is_shown(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, mysql_table: str
) -> None:
    mysql_login.sql(
        f"create procedure several_{mysql_table}() begin "
        f"insert into {mysql_table} values (1); select 1 as a; select 2 as b, 3 as c; end"
    )

    answer = mysql_bench.ask(f"call several_{mysql_table}()")

    assert rows(answer) == [{"a": 1}]
    assert mysql_login.sql(f"select n from {mysql_table}") == [(1,)]
    assert rows(mysql_bench.ask("select 4 as d")) == [{"d": 4}]


def test_the_server_has_an_eye_on_the_time_itself(
    mysql_bench: StatementBench, mysql_login: MysqlLogin
) -> None:
    is_mysql = isinstance(mysql_login.server, Mysql9Server)
    limit = "@@max_execution_time" if is_mysql else "@@max_statement_time * 1000"

    answer = mysql_bench.ask(f"select cast({limit} as signed) as ms")

    assert rows(answer) == [{"ms": 32_000}]


def test_an_engine_that_an_executor_does_not_have_runs_nothing(adopt_dir: Path) -> None:
    bench = StatementBench(VaultLink(), adopt_dir, "sqlite")

    answer = bench.ask("select 1")

    bench.close()
    assert fault(answer)["code"] == "internal"
