import json
import secrets

import pytest

from tests.harness.mysql9 import Mysql9Server
from tests.harness.mysql_values import CASES, Case, read
from tests.harness.values import documented_examples
from tests.unit.executor.mysql_login import MysqlLogin
from tests.unit.executor.statement_bench import StatementBench, fault, rows

EVERY = [
    pytest.param(case, id=f"{name}: {case.type} {number}")
    for name, cases in CASES.items()
    for number, case in enumerate(cases)
]


# The server's own modes refuse a zero date on its way in.
WRITABLE = [param for param in EVERY if "zero" not in str(param.id)]


def one(bench: StatementBench, query: str) -> object:
    """Return the only value of the only row."""
    (row,) = rows(bench.ask(query))
    (value,) = row.values()
    return value


def a_table(login: MysqlLogin, definition: str) -> str:
    name = f"t_{secrets.token_hex(4)}"
    login.sql(f"create table {name} (x {definition}, n int primary key auto_increment)")
    return name


@pytest.mark.parametrize("case", EVERY)
def test_a_value_is_what_the_driver_reads(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, case: Case
) -> None:
    table = a_table(mysql_login, case.type)
    with mysql_login.direct() as driver, driver.cursor() as cursor:
        cursor.execute("set sql_mode = ''")  # which lets dates be zero
        for value in case.values:
            cursor.execute(f"insert into {table} (x) values ({value})")
        cursor.execute(f"select x from {table} order by n")
        driven = [row[0] for row in cursor.fetchall()]

    answer = mysql_bench.ask(f"select x from {table} order by n")

    assert [read(case, row["x"]) for row in rows(answer)] == driven
    assert answer["columns"] == [{"name": "x", "type": case.called}]


@pytest.mark.parametrize("case", WRITABLE)
def test_what_came_out_goes_in_again(
    mysql_bench: StatementBench, mysql_login: MysqlLogin, case: Case
) -> None:
    table = a_table(mysql_login, case.type)
    with mysql_login.direct() as driver, driver.cursor() as cursor:
        cursor.execute("set sql_mode = ''")
        cursor.execute(f"insert into {table} (x) values ({case.values[0]})")
    out = one(mysql_bench, f"select x from {table}")

    mysql_bench.ask(f"insert into {table} (x) values ({case.way_in})", x=out)

    assert [row["x"] for row in rows(mysql_bench.ask(f"select x from {table}"))] == [out, out]


@pytest.mark.parametrize(("value", "text"), documented_examples("MySQL and MariaDB").items())
def test_an_example_of_the_document_is_what_a_client_reads(
    mysql_bench: StatementBench, value: str, text: str
) -> None:
    assert one(mysql_bench, f"select {value}") == json.loads(text)


def test_json_is_embedded_where_the_server_calls_it_so(
    mysql_bench: StatementBench, mysql_login: MysqlLogin
) -> None:
    text = '{"a": [1, {"b": null}], "ü": "\\n"}'
    table = a_table(mysql_login, "json")
    mysql_bench.ask(f"insert into {table} (x) values (:x)", x=json.loads(text))

    answer = mysql_bench.ask(f"select x from {table}")

    (row,) = rows(answer)
    is_mysql = isinstance(mysql_login.server, Mysql9Server)
    found = row["x"] if is_mysql else json.loads(str(row["x"]))
    assert found == json.loads(text)
    assert answer["columns"] == [{"name": "x", "type": "json" if is_mysql else "text"}]


def test_text_in_another_character_set_of_the_servers_comes_as_utf8(
    mysql_bench: StatementBench, mysql_login: MysqlLogin
) -> None:
    table = a_table(mysql_login, "varchar(20) character set latin1")
    mysql_bench.ask(f"insert into {table} (x) values (:x)", x="grüße")

    assert one(mysql_bench, f"select x from {table}") == "grüße"


def test_text_in_another_character_set_of_the_clients_is_an_error_and_not_other_text(
    mysql_bench: StatementBench, mysql_login: MysqlLogin
) -> None:
    mysql_login.sql("create procedure in_latin1() begin set names latin1; select 'Ã©' as e; end")

    answer = mysql_bench.ask("call in_latin1()")

    assert fault(answer)["code"] == "statement_failed"
    assert "not UTF-8" in str(answer["error"])
    assert one(mysql_bench, "select 'é' as e") == "é"


def test_columns_of_one_name_are_numbered(mysql_bench: StatementBench) -> None:
    answer = mysql_bench.ask('select 1 as a, 2 as a, 3 as `a"`')

    assert rows(answer) == [{"a": 1, "a_2": 2, 'a"': 3}]
