"""Parameters in, rows out."""

import json

import pytest

from console.failures import CommandFailedError
from console.rows import as_lines, parse_parameters, show


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("1", 1),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ('{"a": 1}', {"a": 1}),
        ("text", "text"),
        ('"quoted"', '"quoted"'),
        ("a=b", "a=b"),
        ("", ""),
        ("007", "007"),
    ],
)
def test_a_parameter_is_json_where_it_is_json_and_text_stays_text(
    given: str, value: object
) -> None:
    assert parse_parameters([f"name={given}"]) == {"name": value}


@pytest.mark.parametrize("given", [["name"], ["=1"], ["a=1", "a=2"]])
def test_a_parameter_without_a_name_or_twice_is_refused(given: list[str]) -> None:
    with pytest.raises(CommandFailedError):
        parse_parameters(given)


def test_a_row_is_one_line_whatever_it_holds() -> None:
    rows: list[dict[str, object]] = [{"a": "x\ty\nz\\", "b": None}, {"a": {"k": "é"}, "b": 1.5}]

    assert as_lines(rows) == ["a\tb", "x\\ty\\nz\\\\\t\\N", '{"k": "é"}\t1.5']


def test_no_rows_are_no_lines() -> None:
    assert as_lines([]) == []


def test_json_is_the_whole_answer(capsys: pytest.CaptureFixture[str]) -> None:
    answer: dict[str, object] = {"success": True, "rows": [{"a": 1}], "row_count": 1}

    show(answer, as_json=True)

    assert json.loads(capsys.readouterr().out) == answer


def test_a_cut_result_is_said_beside_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    show({"rows": [{"a": 1}], "truncated": True}, as_json=False)

    printed = capsys.readouterr()
    assert printed.out == "a\n1\n"
    assert printed.err == "1 row, cut at the limit\n"


def test_a_change_says_how_many_rows(capsys: pytest.CaptureFixture[str]) -> None:
    show({"affected_rows": 3}, as_json=False)

    assert capsys.readouterr().err == "3 rows affected\n"
