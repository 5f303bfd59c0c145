"""Statements on a file that want too much: each ends with its own words, and the next one works."""

import pytest

from executor.sqlite import opening
from tests.harness.waiting import until
from tests.unit.executor.file_bench import FileBench
from tests.unit.executor.statement_bench import LIMITS, fault, rows
from wire.faults import FaultCode

ENDLESS = "with recursive c(i) as (select 1 union all select i + 1 from c) select count(*) from c"
MANY = "with recursive c(i) as (select 1 union all select i + 1 from c limit {}) "


def works(bench: FileBench) -> bool:
    return rows(bench.ask("select count(*) as c from t")) == [{"c": 1}]


@pytest.mark.parametrize("name", ["writer", "reader"])
def test_an_endless_statement_ends_with_its_time(shop: FileBench, name: str) -> None:
    answer = shop.ask(ENDLESS, name, within_s=0.3)

    assert fault(answer)["code"] == "deadline"
    assert works(shop)


def test_an_endless_write_is_rolled_back(shop: FileBench) -> None:
    answer = shop.ask(
        "with recursive c(i) as (select 1 union all select i + 1 from c)"
        " insert into t select i, 'x' from c",
        within_s=0.3,
    )

    assert fault(answer)["code"] == "deadline"
    assert fault(answer)["may_have_run"] is False
    assert works(shop)


def test_a_statement_that_is_stopped_says_cancelled(shop: FileBench) -> None:
    asked = shop.start(ENDLESS)
    until(lambda: shop.executions.running)

    asked.patience.stop(FaultCode.CANCELLED)

    assert fault(asked.answer())["code"] == "cancelled"
    assert works(shop)


def test_a_statement_that_does_not_look_is_interrupted_from_outside(
    shop: FileBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "STEPS_BETWEEN", 0)
    asked = shop.start(ENDLESS, within_s=0.1)
    until(lambda: shop.executions.running)

    until(lambda: shop.executions.tend() and not shop.executions.running)

    assert fault(asked.answer())["code"] == "deadline"
    assert works(shop)


@pytest.mark.parametrize(
    "statement",
    [
        "select zeroblob(1000000000)",
        "select length(randomblob(1000000000))",
        "select replace(hex(zeroblob(10000000)), '0', 'xxxxxxxxxx')",
        MANY.format(100) + "select group_concat(hex(randomblob(1000000))) from c",
        MANY.format(200)
        + "select length(group_concat(x)) from (select hex(zeroblob(8000000)) as x from c)",
        "select " + ", ".join(["randomblob(30000000)"] * 60),
        MANY.format(1_000_000) + "select i, randomblob(2000) from c order by 2",
    ],
)
def test_a_statement_that_wants_too_much_memory_is_refused(shop: FileBench, statement: str) -> None:
    answer = shop.ask(statement)

    assert fault(answer)["code"] in {"statement_failed", "result_too_large"}
    assert works(shop)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("select " + "(" * 2000 + "1" + ")" * 2000, "stack"),
        ("select " + "-" * 1500 + "1", ""),
        (" union all ".join(["select 1"] * 600), "too many terms"),
        ("select max(" + ", ".join(["1"] * 200) + ")", "too many arguments"),
        ("select 'x' like '" + "%a" * 10_000 + "'", "too complex"),
    ],
)
def test_a_statement_that_is_too_intricate_is_refused(
    shop: FileBench, statement: str, words: str
) -> None:
    answer = shop.ask(statement)

    assert answer["success"] is False
    assert words in str(answer["error"])
    assert works(shop)


def test_rows_beyond_the_limit_are_cut_off(shop: FileBench) -> None:
    answer = shop.ask(MANY.format(LIMITS["rows_max"] + 1) + "select i from c", "reader")

    assert answer["row_count"] == LIMITS["rows_max"]
    assert answer["truncated"] is True


def test_an_endless_result_ends_with_the_limit_of_rows(shop: FileBench) -> None:
    query = "with recursive c(i) as (select 1 union all select i + 1 from c) select i from c"

    assert shop.ask(query)["truncated"] is True


def test_a_result_that_is_too_large_undoes_its_statement(shop: FileBench) -> None:
    answer = shop.ask("insert into t values (2, zeroblob(1000000)) returning word")

    assert fault(answer)["code"] == "result_too_large"
    assert fault(answer)["may_have_run"] is False
    assert works(shop)


def test_a_message_that_quotes_a_long_word_is_cut(shop: FileBench) -> None:
    answer = shop.ask(f"select {'x' * 100_000}")

    assert fault(answer)["code"] == "statement_failed"
    assert len(str(answer["error"])) < 5000
