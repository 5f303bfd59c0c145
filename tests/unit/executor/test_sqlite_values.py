"""Values of SQLite, there and back, each through a statement on a real file."""

import pytest

from tests.unit.executor.file_bench import FileBench
from tests.unit.executor.statement_bench import a_payload, fault, rows


@pytest.mark.parametrize(
    ("expression", "value", "kind"),
    [
        ("null", None, ""),
        ("1", 1, "integer"),
        ("9007199254740992", 9007199254740992, "integer"),
        ("-9007199254740992", -9007199254740992, "integer"),
        ("9007199254740993", "9007199254740993", "integer"),
        ("-9223372036854775808", "-9223372036854775808", "integer"),
        ("0.1", 0.1, "real"),
        ("1e300", 1e300, "real"),
        ("9e999", "Infinity", "real"),
        ("-9e999", "-Infinity", "real"),
        ("9e999 - 9e999", None, ""),
        ("''", "", "text"),
        ("'schön €'", "schön €", "text"),
        ("char(97, 0, 98)", "a\0b", "text"),
        ("x''", "\\x", "blob"),
        ("x'00ff'", "\\x00ff", "blob"),
        ("json('[1, {}]')", "[1,{}]", "text"),
        ("date('2026-02-03')", "2026-02-03", "text"),
        ("1 = 1", 1, "integer"),
    ],
)
def test_a_value_comes_out(shop: FileBench, expression: str, value: object, kind: str) -> None:
    answer = shop.ask(f"select {expression} as v")

    assert rows(answer) == [{"v": value}]
    assert answer["columns"] == [{"name": "v", "type": kind}]


@pytest.mark.parametrize(
    ("written", "value", "kind"),
    [
        ("null", None, "null"),
        ("true", 1, "integer"),
        ("false", 0, "integer"),
        ("-7", -7, "integer"),
        ("9223372036854775807", "9223372036854775807", "integer"),
        ("-9223372036854775808", "-9223372036854775808", "integer"),
        ("9223372036854775808", "9223372036854775808", "text"),
        ("-9223372036854775809", "-9223372036854775809", "text"),
        ("9" * 4000, "9" * 4000, "text"),
        ("0.1", 0.1, "real"),
        ("1.50", 1.5, "real"),
        ("1e3", 1000.0, "real"),
        ("-0.0", -0.0, "real"),
        ("0.1234567890123456789", "0.1234567890123456789", "text"),
        ("1e999", "1e999", "text"),
        ('"schön"', "schön", "text"),
        ('""', "", "text"),
        ('[1, "a"]', '[1, "a"]', "text"),
        ('{"a": null}', '{"a": null}', "text"),
    ],
)
def test_a_parameter_goes_in(shop: FileBench, written: str, value: object, kind: str) -> None:
    query = "select :v as v, typeof(:v) as kind"
    payload = f'{{"connection_id": "c", "query": "{query}", "params": {{"v": {written}}}}}'

    answer = shop.start_payload(payload.encode()).answer()

    assert rows(answer) == [{"v": value, "kind": kind}]


def test_a_number_that_went_in_as_text_is_a_number_again_in_a_numeric_column(
    shop: FileBench,
) -> None:
    payload = (
        b'{"connection_id": "c", "query": "insert into t (n) values (:n)", "params": {"n": 1e2}}'
    )

    shop.start_payload(payload).answer()

    assert shop.admin("select n, typeof(n) from t where n = 100") == [(100, "integer")]


@pytest.mark.parametrize(
    ("query", "params", "named"),
    [
        ("select :a", {}, ":a"),
        ("select 1", {"b": 1}, "b"),
        ("select :a", {"a": "x\0y"}, ":a"),
        ("select ?", {}, ":name"),
        ("select $a", {"a": 1}, ":name"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_by_name(
    shop: FileBench, query: str, params: dict[str, object], named: str
) -> None:
    answer = shop.start_payload(a_payload(query, params)).answer()

    assert fault(answer)["code"] == "invalid_arguments"
    assert named in str(answer["error"])


def test_a_parameter_stands_where_a_literal_or_a_comment_does_not(shop: FileBench) -> None:
    answer = shop.ask("select :a as a, ':a' as b, \":a\" as c /* :a */ -- :a", a=7)

    assert rows(answer) == [{"a": 7, "b": ":a", "c": ":a"}]


def test_columns_of_one_name_are_told_apart(shop: FileBench) -> None:
    answer = shop.ask("select 1 as a, 2 as a, 3 as a")

    assert rows(answer) == [{"a": 1, "a_2": 2, "a_3": 3}]


def test_a_column_of_different_types_has_none(shop: FileBench) -> None:
    answer = shop.ask("select 1 as a union all select 'x' order by 1")

    assert answer["columns"] == [{"name": "a", "type": ""}]


def test_text_that_is_not_utf8_is_refused_without_quoting_it(shop: FileBench) -> None:
    answer = shop.ask("select cast(x'68756e746572ff' as text) as v")

    assert fault(answer)["code"] == "statement_failed"
    assert "UTF-8" in str(answer["error"])
    assert "hunter" not in str(answer)
    assert rows(shop.ask("select 1 as n")) == [{"n": 1}]


@pytest.mark.parametrize(
    ("statement", "affected"),
    [
        ("insert into t values (2, 'b'), (3, 'c')", 2),
        ("with a as (select 2) insert into t select *, 'w' from a", 1),
        ("update t set word = 'x'", 1),
        ("update t set word = 'x' where n = 99", 0),
        ("delete from t", 1),
        ("replace into t values (1, 'r')", 1),
        ("create table fresh as select * from t", 0),
        ("drop table t", 0),
    ],
)
def test_a_change_tells_how_many_rows_it_affected(
    shop: FileBench, statement: str, affected: int
) -> None:
    shop.ask("update t set word = 'before'")

    assert shop.ask(statement) == {"success": True, "affected_rows": affected}


def test_returning_gives_rows_and_keeps_the_change(shop: FileBench) -> None:
    answer = shop.ask("insert into t values (2, 'b'), (3, 'c') returning n")

    assert rows(answer) == [{"n": 2}, {"n": 3}]
    assert shop.admin("select count(*) from t") == [(3,)]


def test_all_that_returning_has_changed_is_kept_when_its_rows_are_cut(shop: FileBench) -> None:
    answer = shop.ask(
        "with recursive c(i) as (select 1 union all select i + 1 from c limit 5000)"
        " insert into t select i, 'x' from c returning n"
    )

    assert answer["truncated"] is True
    assert shop.admin("select count(*) from t") == [(5001,)]
