import msgspec
import pytest
from msgspec import Raw

from executor.dialects import MYSQL
from executor.mysql.literals import written
from executor.parameters import bind
from tests.unit.executor.statement_bench import StatementBench, rows
from wire.faults import FaultCode, RefusedError

HOSTILE = ["'", "\\", "\\' or 1=1 -- ", '"', "`", "%s", ":x", "é'", "\U0001d11e", "\x1a\n", "", " "]


def sql(query: str, **params: object) -> bytes:
    given = {name: Raw(msgspec.json.encode(value)) for name, value in params.items()}
    return written(bind(query, MYSQL), given)


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, b"NULL"),
        (True, b"TRUE"),
        (False, b"FALSE"),
        (7, b"7"),
        (-7, b"(-7)"),
        (1.5, b"1.5"),
        ("a'b", b"_utf8mb4 X'612762'"),
        ("", b"_utf8mb4 X''"),
        ([1, "a"], b"_utf8mb4 X'5b312c2261225d'"),
        ({}, b"_utf8mb4 X'7b7d'"),
    ],
)
def test_a_value_is_a_literal_of_its_kind(value: object, literal: bytes) -> None:
    assert sql("select :x, 1", x=value) == b"select " + literal + b", 1"


def test_a_number_keeps_every_digit_as_it_was_written() -> None:
    given = {"x": Raw(b"1.500000000000000000000000000000001")}

    assert b"1.500000000000000000000000000000001" in written(bind("select :x", MYSQL), given)


def test_a_name_may_come_twice_and_a_literal_runs_into_nothing() -> None:
    assert sql("select:x from t where a=:x-:x", x=-1) == b"select (-1) from t where a=(-1)-(-1)"


@pytest.mark.parametrize("value", [b'"\\u0000"', b'"\\ud800"'])
def test_text_that_no_text_can_hold_is_refused_by_its_name(value: bytes) -> None:
    with pytest.raises(RefusedError, match=":x") as refused:
        written(bind("select :x", MYSQL), {"x": Raw(value)})

    assert refused.value.fault.code is FaultCode.INVALID_ARGUMENTS


@pytest.mark.parametrize("params", [{}, {"x": 1, "y": 2}])
def test_statement_and_params_must_fit(params: dict[str, object]) -> None:
    with pytest.raises(RefusedError):
        sql("select :x", **params)


def test_a_hostile_text_is_that_text_and_nothing_else_on_a_real_server(
    mysql_bench: StatementBench,
) -> None:
    for value in HOSTILE:
        answer = mysql_bench.ask("select :x as x, length(:x) as n", x=value)

        assert rows(answer) == [{"x": value, "n": len(value.encode())}]


def test_numbers_and_texts_are_what_their_places_need(mysql_bench: StatementBench) -> None:
    answer = mysql_bench.ask(
        "select :n + 1 as sum, 10 - :m as difference, :t + 1 as cast, :b is true as truth, "
        "json_extract(:doc, '$.a[1]') as inner_one limit :most",
        n=41,
        m=-5,
        t="31",
        b=True,
        doc={"a": [1, 2]},
        most=1,
    )

    (row,) = rows(answer)
    assert row["sum"] == 42
    assert row["difference"] == 15
    assert row["cast"] == 32
    assert row["truth"] == 1
    assert str(row["inner_one"]) == "2"
