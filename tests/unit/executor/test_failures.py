import secrets

import pytest

from tests.unit.executor.standin_vault import Login
from tests.unit.executor.statement_bench import StatementBench, fault, rows


@pytest.mark.parametrize(
    ("query", "value", "sqlstate", "error"),
    [
        ("select 1, :x::int", "a", "22P02", ':x: invalid input syntax for type integer: "a"'),
        ("select 1 + :x", 1.5, "22P02", ':x: invalid input syntax for type integer: "1.5"'),
        (
            "select :x::int2",
            70000,
            "22003",
            ':x: value "70000" is out of range for type smallint',
        ),
        ("select :x::date", "then", "22007", ':x: invalid input syntax for type date: "then"'),
        (
            "select :x::date",
            "2026-02-31",
            "22008",
            ':x: date/time field value out of range: "2026-02-31"',
        ),
        (
            "select :x::json",
            "{x",
            "22P02",
            ':x: invalid input syntax for type json. Token "x" is invalid.',
        ),
        (
            "select :x::int[]",
            [1, "a"],
            "22P02",
            ':x: invalid input syntax for type integer: "a"',
        ),
        ("select :x is null", 1, "42P18", "could not determine data type of parameter :x"),
        (
            "select repeat(:x, :x)",
            [1],
            "42P08",
            "inconsistent types deduced for parameter :x. text versus integer",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_called_by_its_parameters_name(
    bench: StatementBench, query: str, value: object, sqlstate: str, error: str
) -> None:
    answer = bench.ask(f"select :y::text from ({query}) q", x=value, y="first")

    assert fault(answer)["code"] == "statement_failed"
    assert fault(answer)["sqlstate"] == sqlstate
    assert answer["error"] == error


def test_what_the_server_adds_about_a_value_does_not_travel(
    bench: StatementBench, login: Login
) -> None:
    login.server.admin_sql(f"alter role {login.user} set log_parameter_max_length_on_error = -1")
    value = f"canary {secrets.token_hex(8)}"

    answer = bench.ask("select 1 / (:n - 1), :x::text", n=1, x=value)
    unfit = bench.ask("select :n::int, :x::text", n="one", x=value)
    login.server.admin_sql(f"alter role {login.user} reset log_parameter_max_length_on_error")

    assert (fault(answer)["sqlstate"], fault(unfit)["sqlstate"]) == ("22012", "22P02")
    assert unfit["error"] == ':n: invalid input syntax for type integer: "one"'
    assert value not in str(answer) + str(unfit)


def test_a_number_in_somebody_elses_words_is_no_parameter(bench: StatementBench) -> None:
    answer = bench.ask(
        "select :x, (select array_agg(q) from ts_stat('select to_tsvector(''a'') / $1') q)", x=1
    )

    assert fault(answer)["sqlstate"] is not None
    assert ":x" not in str(answer["error"])


def test_a_parameter_of_postgresqls_own_comes_with_the_way_to_write_it(
    bench: StatementBench,
) -> None:
    answer = bench.ask("select $1::int")

    assert str(fault(answer)["hint"]).startswith("Write every parameter as :name")


def test_the_body_of_a_function_may_have_parameters_of_postgresqls_own(
    bench: StatementBench,
) -> None:
    made = bench.ask(
        "create function pg_temp.more(int) returns int begin atomic select $1 + 1; end"
    )

    assert made["success"] is True


def test_a_type_that_cannot_be_inferred_comes_with_a_way_out(bench: StatementBench) -> None:
    answer = bench.ask("select 1 where :x is null", x=None)

    assert fault(answer)["hint"] == "Say which type the parameter has, as in :name::text."


@pytest.mark.parametrize(("value", "code"), [(1, "statement_failed"), ([1], "invalid_arguments")])
def test_a_statement_that_takes_no_parameters_says_so_and_the_connection_lives(
    bench: StatementBench, value: object, code: str
) -> None:
    before = bench.ask("select pg_backend_pid() as pid")

    answer = bench.ask("execute something(:x)", x=value)
    after = bench.ask("select pg_backend_pid() as pid")

    assert fault(answer)["code"] == code
    assert rows(before) == rows(after)
