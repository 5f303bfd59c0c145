import secrets
from collections.abc import Iterator

import pytest

from executor.postgresql.server_types import LEARNED_MAX, KnownTypes, ServerType, built_in
from tests.unit.executor.standin_vault import Login
from tests.unit.executor.statement_bench import LIMITS, StatementBench, a_pool, fault, rows


@pytest.fixture
def schema(login: Login) -> Iterator[str]:
    name = f"s_{secrets.token_hex(4)}"
    login.server.admin_sql(f"create schema {name} authorization {login.user}")
    login.server.admin_sql(f"create type {name}.mood as enum ('sad', 'so-so')")
    login.server.admin_sql(f"create domain {name}.wide as bigint")
    login.server.admin_sql(f"create domain {name}.wides as {name}.wide[]")
    yield name
    login.server.admin_sql(f"drop schema {name} cascade")


def columns(answer: dict[str, object]) -> list[object]:
    found = answer["columns"]
    assert isinstance(found, list)
    return [column["type"] for column in found]


def test_built_in_types_are_known_and_others_have_their_number() -> None:
    known = KnownTypes()

    names = [known[oid].name for oid in (23, 1007, 16_999)]

    assert names == ["integer", "integer[]", "oid 16999"]
    assert known.unknown([23, 1007, 16_999]) == {16_999}


def test_what_was_learned_is_bounded() -> None:
    known = KnownTypes()

    for oid in range(20_000, 20_001 + LEARNED_MAX):
        known.learn(oid, ServerType("made up"))

    assert len(known.learned(range(20_000, 20_001 + LEARNED_MAX))) == 1


def test_a_built_in_array_has_its_elements_and_its_delimiter() -> None:
    boxes = built_in(1020)

    assert boxes is not None
    assert (boxes.name, boxes.element, boxes.delimiter) == ("box[]", 603, ";")


@pytest.mark.parametrize("access", ["read-only", "read-write"])
def test_types_of_the_databases_own_have_names_and_their_arrays_are_arrays(
    bench: StatementBench, schema: str, access: str
) -> None:
    pool = a_pool("read-only" if access == "read-only" else "read-write")
    query = (
        f"select 'sad'::{schema}.mood as a, '{{sad,NULL}}'::{schema}.mood[] as b, "
        f"array[1, 9007199254740993]::{schema}.wide[] as c, "
        f"array['{{1,2}}'::{schema}.wides] as d, 5::{schema}.wide as e"
    )

    first, second = (bench.ask(query, pool=pool) for _ in range(2))

    wides = [1, "9007199254740993"]
    assert rows(first) == [{"a": "sad", "b": ["sad", None], "c": wides, "d": [[1, 2]], "e": 5}]
    assert columns(first) == [
        *[f"{schema}.mood", f"{schema}.mood[]", f"{schema}.wide[]", f"{schema}.wides[]", "bigint"]
    ]
    assert second == first


def test_a_type_made_by_the_statement_before_is_known(bench: StatementBench, schema: str) -> None:
    bench.ask(f"create type {schema}.pair as (a int, b text)")

    answer = bench.ask(f"select row(1, 'x y')::{schema}.pair as p")

    assert rows(answer) == [{"p": '(1,"x y")'}]
    assert columns(answer) == [f"{schema}.pair"]


def test_an_array_goes_into_a_type_of_the_databases_own(bench: StatementBench, schema: str) -> None:
    answer = bench.ask(
        f"select :m::{schema}.mood[] as m, :w::{schema}.wides as w", m=["sad", None], w=[1, 2]
    )

    assert rows(answer) == [{"m": ["sad", None], "w": [1, 2]}]


def test_a_read_that_is_cut_short_still_names_its_types(bench: StatementBench, schema: str) -> None:
    answer = bench.ask(
        f"select '{{sad}}'::{schema}.mood[] as m, generate_series(1, 1000000000) as n",
        pool=a_pool("read-only"),
    )

    assert (answer["row_count"], answer["truncated"]) == (LIMITS["rows_max"], True)
    assert columns(answer) == [f"{schema}.mood[]", "integer"]
    assert rows(answer)[-1] == {"m": ["sad"], "n": LIMITS["rows_max"]}


def test_rows_that_waited_for_their_types_count_as_a_result_too_large(
    bench: StatementBench, schema: str
) -> None:
    query = f"select 'sad'::{schema}.mood, repeat('x', {LIMITS['result_max_bytes']})"

    answer = bench.ask(query)
    after = bench.ask("select 1 as n")

    assert fault(answer)["code"] == "result_too_large"
    assert rows(after) == [{"n": 1}]


def test_a_search_path_of_the_clients_does_not_come_between(
    bench: StatementBench, schema: str
) -> None:
    bench.ask(f"create table {schema}.pg_type (oid oid, typtype char, typcategory char)")

    answer = bench.ask(
        f"select set_config('search_path', '{schema}, pg_catalog', false) is null as s, "
        f"'sad'::{schema}.mood as m"
    )

    assert columns(answer) == ["boolean", "mood"]
