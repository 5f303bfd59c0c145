import json
import tracemalloc

import msgspec
import pytest

from executor.rows import in_parts, row_maker, unique_names
from tests.unit.executor.statement_bench import LIMITS, StatementBench, fault, rows


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1", 1),
        ("32767::int2", 32767),
        ("9007199254740992", 9007199254740992),
        ("-9007199254740992", -9007199254740992),
        ("9007199254740993", "9007199254740993"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("0.1::float8", 0.1),
        ("1e300::float8", 1e300),
        ("0.1::float4", 0.1),
        ("'NaN'::float8", "NaN"),
        ("'Infinity'::float8", "Infinity"),
        ("'-Infinity'::float4", "-Infinity"),
        ("1.500::numeric", "1.500"),
        ("'NaN'::numeric", "NaN"),
        ("123456789012345678901234567890.0001", "123456789012345678901234567890.0001"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("null::int8", None),
        ("null::float8", None),
        ("'ü\"\\ \u2028'", 'ü"\\ \u2028'),
        ("E'a\\nb\\tc'", "a\nb\tc"),
        ("''", ""),
        ('\'{"a": [1, {"b": null}]}\'::jsonb', {"a": [1, {"b": None}]}),
        ("E'{\"a\":\\n1\\r\\n}'::json", {"a": 1}),
        ("'\"text\"'::json", "text"),
        ("'null'::jsonb", None),
        ("array[1,2]", [1, 2]),
        ("date '2026-02-03'", "2026-02-03"),
        ("timestamp '2026-02-03 04:05:06.7'", "2026-02-03 04:05:06.7"),
        ("'\\x00ff'::bytea", "\\x00ff"),
        ("interval '1 day 2 hours'", "1 day 02:00:00"),
        ("'00000000-0000-0000-0000-00000000000a'::uuid", "00000000-0000-0000-0000-00000000000a"),
        ("row(1, 'a')", "(1,a)"),
        ("int4range(1, 5)", "[1,5)"),
        ("inet '10.0.0.1'", "10.0.0.1"),
    ],
)
def test_a_value_is_what_a_json_reader_expects(
    bench: StatementBench, expression: str, value: object
) -> None:
    answer = bench.ask(f"select {expression} as v")

    assert rows(answer) == [{"v": value}]


def test_a_result_says_how_many_rows_and_which_columns(bench: StatementBench) -> None:
    answer = bench.ask("select n, n::text as t, array[n] as a from generate_series(1, 2) n")

    assert answer == {
        "success": True,
        "rows": [{"n": 1, "t": "1", "a": [1]}, {"n": 2, "t": "2", "a": [2]}],
        "row_count": 2,
        "columns": [
            {"name": "n", "type": "integer"},
            {"name": "t", "type": "text"},
            {"name": "a", "type": "integer[]"},
        ],
    }


def test_an_empty_result_still_has_its_columns(bench: StatementBench) -> None:
    answer = bench.ask("select 1 as n where false")

    assert (answer["rows"], answer["row_count"]) == ([], 0)
    assert answer["columns"] == [{"name": "n", "type": "integer"}]


def test_rows_without_columns_are_rows(bench: StatementBench) -> None:
    answer = bench.ask("select from generate_series(1, 2)")

    assert (answer["rows"], answer["row_count"], answer["columns"]) == ([{}, {}], 2, [])


def test_a_command_says_how_many_rows_it_changed(bench: StatementBench, own_table: str) -> None:
    inserted = bench.ask(f"insert into {own_table} select generate_series(1, 3)")
    updated = bench.ask(f"update {own_table} set n = n + 10 where n > :n", n=1)
    returned = bench.ask(f"delete from {own_table} where n = 1 returning n")
    altered = bench.ask(f"alter table {own_table} add column m int")

    assert inserted == {"success": True, "affected_rows": 3}
    assert updated == {"success": True, "affected_rows": 2}
    assert rows(returned) == [{"n": 1}]
    assert altered == {"success": True, "affected_rows": 0}


def test_every_row_of_several_chunks_comes_once_and_in_order(bench: StatementBench) -> None:
    answer = bench.ask("select n, n::float8 / 2 as half from generate_series(1, 1999) n")

    assert rows(answer) == [{"n": n, "half": n / 2} for n in range(1, 2000)]
    assert "truncated" not in answer


def test_an_integer_too_wide_in_one_row_leaves_the_others_numbers(bench: StatementBench) -> None:
    answer = bench.ask("select n * 4503599627370497 as n from generate_series(0, 3) n")

    assert [row["n"] for row in rows(answer)] == [
        0,
        4503599627370497,
        "9007199254740994",
        "13510798882111491",
    ]


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "ü €", "", "f0", "self", "__init__", "a"])
def test_any_column_name_comes_through(bench: StatementBench, name: str) -> None:
    quoted = name.replace('"', '""') or "?column?"

    answer = bench.ask(f'select 1 as "{quoted}", 2 as f1')

    assert rows(answer) == [{(name or "?column?"): 1, "f1": 2}]


def test_exactly_the_limit_of_rows_is_whole_and_one_more_is_cut(bench: StatementBench) -> None:
    most = LIMITS["rows_max"]

    whole = bench.ask(f"select from generate_series(1, {most})")
    cut = bench.ask(f"select from generate_series(1, {most + 1})")

    assert (whole["row_count"], "truncated" in whole) == (most, False)
    assert (cut["row_count"], cut["truncated"]) == (most, True)


def test_a_result_of_too_many_bytes_is_a_fault(bench: StatementBench) -> None:
    almost = LIMITS["result_max_bytes"] - 1000

    fits = bench.ask(f"select repeat('x', {almost}) as x")
    too_large = bench.ask(f"select repeat('x', {almost + 1000}) as x")

    assert fits["row_count"] == 1
    assert fault(too_large)["code"] == "result_too_large"


def test_a_unicode_text_that_is_not_utf8_is_a_fault_and_not_garbage(bench: StatementBench) -> None:
    answer = bench.ask("select set_config('client_encoding', 'LATIN1', false), 'é' as v")

    assert fault(answer)["code"] == "statement_failed"
    assert rows(bench.ask("select 'é' as v")) == [{"v": "é"}]


def test_names_that_come_again_are_numbered_past_those_that_are_taken() -> None:
    assert unique_names(["a", "a", "a_2", "a", "b"]) == ("a", "a_3", "a_2", "a_4", "b")


def test_four_thousand_columns_of_one_name_are_numbered_in_one_go() -> None:
    names = unique_names(["a"] * 4000 + ["a_7"])

    assert len(set(names)) == 4001
    assert names[:3] + names[-2:] == ("a", "a_2", "a_3", "a_4001", "a_7")


def test_rows_become_json_as_far_as_they_may_fit_and_one_more() -> None:
    left = [100]
    parts = []
    for part in in_parts(range(50), ["a" * 24], lambda: left[0]):
        parts.append(len(part))
        left[0] -= 60

    # Least is `{"aaa…":null}`, which has 33 bytes.
    assert parts == [4, 2, *[1] * 44]


def test_what_a_row_s_names_take_is_counted_before_many_rows_are_written(
    bench: StatementBench,
) -> None:
    columns = ", ".join(f'null as "{"x" * 50}{number}"' for number in range(1000))
    tracemalloc.start()
    try:
        answer = bench.ask(f"select {columns} from generate_series(1, 400)")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert fault(answer)["code"] == "result_too_large"
    # All the rows that come together would be 25 MB.
    assert peak_bytes < 16 << 20


@pytest.mark.parametrize("names", [("a", "b"), ('a"', "b"), tuple(map(str, range(500)))])
def test_rows_of_any_shape_encode_as_objects(names: tuple[str, ...]) -> None:
    row = row_maker(names)(*range(len(names)))

    assert json.loads(msgspec.json.encode(row)) == dict(zip(names, range(500), strict=False))
