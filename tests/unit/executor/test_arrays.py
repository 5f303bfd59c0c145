import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executor.postgresql.arrays import argument
from executor.postgresql.server_types import ServerType, built_in
from tests.unit.executor.statement_bench import StatementBench, fault, rows
from wire.faults import FaultCode, RefusedError

INTS = ServerType("integer[]", 23)
TEXTS = ServerType("text[]", 25)
BOXES = ServerType("box[]", 603, ";")
JSONS = ServerType("jsonb[]", 3802)

on_a_server = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
a_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
a_wide_integer = st.integers(-(2**63), 2**63 - 1)
a_decimal = st.decimals(allow_nan=False, allow_infinity=False, places=12)


def in_json(value: int) -> object:
    """Return how an integer travels."""
    return value if abs(value) <= 2**53 else str(value)


@pytest.mark.parametrize(
    ("kind", "given_json", "literal"),
    [
        (INTS, b"[]", b"{}"),
        (INTS, b"[1, null, -2]", b"{1, null, -2}"),
        (INTS, b"[[1,2],[3,null]]", b"{{1,2},{3,NULL}}"),
        (INTS, b"[[[1]],[[2]]]", b"{{{1}},{{2}}}"),
        (TEXTS, b'["a,b","{}"]', b'{"a,b","{}"}'),
        (TEXTS, rb'["\"\\\n\u00e9"]', '{"\\"\\\\\né"}'.encode()),
        (TEXTS, rb'["\n",null,"null",""]', b'{"\n",NULL,"null",""}'),
        (TEXTS, rb'["\n",true,1.50,{"a":"b"}]', rb'{"' + b"\n" + rb'",true,1.50,"{\"a\":\"b\"}"}'),
        (BOXES, b'["(1,1),(0,0)","(2,2),(1,1)"]', b'{"(1,1),(0,0)";"(2,2),(1,1)"}'),
        (JSONS, b'[[1,2],{"a":[]},3]', rb'{"[1,2]","{\"a\":[]}",3}'),
    ],
)
def test_a_json_array_is_written_as_one_of_postgresqls(
    kind: ServerType, given_json: bytes, literal: bytes
) -> None:
    assert argument("x", given_json, kind) == literal


def test_numbers_in_an_array_keep_every_digit() -> None:
    numbers = b"[0.30000000000000000000001,123456789012345678901234567890]"

    assert argument("x", numbers, ServerType("numeric[]", 1700)) == b"{%b}" % numbers[1:-1]
    assert argument("x", b"[%b]" % numbers, ServerType("numeric[]", 1700)) == (
        b"{{%b}}" % numbers[1:-1]
    )


@pytest.mark.parametrize(
    ("given_json", "sentence"),
    [
        (b"[[1,2],[3]]", "The value of :x has arrays of different lengths side by side"),
        (b"[1,[2]]", "The value of :x has arrays of different lengths side by side"),
        (b"[[1],null]", "The value of :x has arrays of different lengths side by side"),
        (b"[" * 7 + b"]" * 7, "The value of :x has more than 6 dimensions"),
        (b"[" * 5000 + b"]" * 5000, "The value of :x has more than 6 dimensions"),
        (rb'["a\u0000"]', "The value of :x has a NUL character, which text cannot hold"),
        (rb'["\ud800"]', "The value of :x is not Unicode text"),
    ],
)
def test_an_array_that_cannot_be_one_is_refused_by_its_parameters_name(
    given_json: bytes, sentence: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        argument("x", given_json, TEXTS)

    assert caught.value.fault.code is FaultCode.INVALID_ARGUMENTS
    assert caught.value.fault.message == sentence


@pytest.mark.parametrize("oid", [114, 3802, 25, 1043, 3904])
def test_where_no_array_is_taken_an_array_is_its_json(oid: int) -> None:
    kind = built_in(oid)

    assert kind is not None
    assert argument("x", b"[1,[2]]", kind) == b"[1,[2]]"


@given(st.lists(st.one_of(st.none(), a_text), max_size=8))
@on_a_server
def test_any_texts_come_back_from_the_server(
    bench: StatementBench, texts: list[str | None]
) -> None:
    assert rows(bench.ask("select :x::text[] as v", x=texts)) == [{"v": texts}]


@given(st.lists(st.lists(a_wide_integer, min_size=2, max_size=2), min_size=1, max_size=3))
@on_a_server
def test_any_integers_come_back_from_the_server(
    bench: StatementBench, numbers: list[list[int]]
) -> None:
    expected = [[in_json(number) for number in row] for row in numbers]

    assert rows(bench.ask("select :x::int8[] as v", x=numbers)) == [{"v": expected}]


@given(a_text, a_wide_integer, a_decimal, st.floats(allow_nan=False, allow_infinity=False))
@on_a_server
def test_any_value_comes_back_from_the_server(
    bench: StatementBench, text: str, integer: int, decimal: Decimal, real: float
) -> None:
    answer = bench.ask(
        "select :t::text as t, :i::int8 as i, :d::numeric as d, :r::float8 as r",
        t=text,
        i=integer,
        d=str(decimal),
        r=real,
    )

    (row,) = rows(answer)
    assert (row["t"], row["i"], row["r"]) == (text, in_json(integer), real)
    assert Decimal(str(row["d"])) == decimal


@given(
    st.recursive(
        st.none() | st.booleans() | a_text | st.integers(-(2**53), 2**53),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(a_text, inner, max_size=3),
        max_leaves=8,
    )
)
@on_a_server
def test_any_json_comes_back_from_the_server(bench: StatementBench, value: object) -> None:
    answer = bench.ask("select :x::json as v, array[:x::json] as vs", x=json.dumps(value))

    assert rows(answer) == [{"v": value, "vs": [value]}]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("select n from generate_series(1, 5) n where n = any(:x) order by n", [2, 4]),
        ("select unnest(:x::int[]) as n", [2, 4]),
        ("select n::int from jsonb_array_elements(:x) n", [2, 4]),
        ("select :x as n", ["[2, 4]"]),
        ("insert into {table} select unnest(:x::int[]) returning n", [2, 4]),
    ],
)
def test_an_array_is_what_its_place_takes(
    bench: StatementBench, own_table: str, query: str, found: list[object]
) -> None:
    answer = bench.ask(query.replace("{table}", own_table), x=[2, 4])

    assert [row["n"] for row in rows(answer)] == found


def test_an_array_for_one_value_is_refused_with_a_way_out_and_the_connection_stays(
    bench: StatementBench,
) -> None:
    before = bench.ask("select pg_backend_pid() as pid")

    answer = bench.ask("select 1 where 1 in (:ids)", ids=[1, 2])
    after = bench.ask("select pg_backend_pid() as pid")

    assert answer["error"] == (
        "The value of :ids is an array, but the statement takes one integer there; "
        "compare with a list by = ANY(:ids)"
    )
    assert fault(answer)["code"] == "invalid_arguments"
    assert rows(before) == rows(after)


def test_a_statement_with_an_array_that_fails_before_it_runs_leaves_the_connection_clean(
    bench: StatementBench,
) -> None:
    before = bench.ask("select pg_backend_pid() as pid")

    answer = bench.ask("select nothing from nowhere where x = any(:x)", x=[1])
    after = bench.ask("select pg_backend_pid() as pid")

    assert fault(answer)["sqlstate"] == "42P01"
    assert rows(before) == rows(after)
