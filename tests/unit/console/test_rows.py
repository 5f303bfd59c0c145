"""Parameters in, rows out."""

import json
from io import StringIO

import pytest
from msgspec import Raw
from rich.console import Console

from console.failures import CommandFailedError
from console.rows import as_lines, as_table, parse_parameters, show


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("1", Raw(b"1")),
        (" 1 ", Raw(b"1")),
        ("1.500", Raw(b"1.500")),
        ("1e400", Raw(b"1e400")),
        ("12345678901234567890.123456789", Raw(b"12345678901234567890.123456789")),
        ("9" * 5000, Raw(b"9" * 5000)),
        ("true", Raw(b"true")),
        ("null", Raw(b"null")),
        ("[1, 2.50]", Raw(b"[1, 2.50]")),
        ('{"a": 1,"a":"é"}', Raw('{"a": 1,"a":"é"}'.encode())),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("[NaN]", "[NaN]"),
        ("[" * 100_000, "[" * 100_000),
        ("text", "text"),
        ('"quoted"', '"quoted"'),
        ("a=b", "a=b"),
        ("", ""),
        ("007", "007"),
    ],
)
def test_a_parameter_is_json_as_it_is_written_and_text_stays_text(
    given: str, value: object
) -> None:
    assert parse_parameters([f"name={given}"]) == {"name": value}


@pytest.mark.parametrize("given", [["name"], ["=1"], ["a=1", "a=2"]])
def test_a_parameter_without_a_name_or_twice_is_refused(given: list[str]) -> None:
    with pytest.raises(CommandFailedError) as caught:
        parse_parameters(given)

    assert caught.value.status == 2


@pytest.mark.parametrize("given", ['["\\ud800"]', '{"a": 1, "\\udfff": 2, "a": 3}'])
def test_a_lone_surrogate_in_json_is_refused(given: str) -> None:
    with pytest.raises(CommandFailedError, match="--param a: a lone surrogate") as caught:
        parse_parameters([f"a={given}"])

    assert caught.value.status == 2


def test_a_row_is_one_line_whatever_it_holds() -> None:
    rows: list[dict[str, object]] = [{"a": "x\ty\nz\\", "b": None}, {"a": {"k": "é"}, "b": 1.5}]

    assert as_lines(["a", "b"], rows) == ["a\tb", "x\\ty\\nz\\\\\t\\N", '{"k": "é"}\t1.5']


def test_no_columns_are_no_lines() -> None:
    assert as_lines([], []) == []


def test_an_empty_result_shows_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    columns = [{"name": "a", "type": "integer"}, {"name": "b", "type": "text"}]

    show({"rows": [], "row_count": 0, "columns": columns}, as_json=False)

    assert capsys.readouterr().out == "a\tb\n"


def test_nothing_in_a_row_or_a_name_is_a_command_to_a_terminal() -> None:
    hostile = "\x1b]0;x\x07\x9b2J\u202e\ud800\r\x00"
    screen = Console(width=200, file=StringIO())

    with screen.capture() as captured:
        screen.print(as_table([hostile], [{hostile: hostile}]))

    shown = "\\x1b]0;x\\x07\\x9b2J\\u202e\\ud800\\r\\x00"
    assert captured.get().count(shown) == 2
    assert captured.get().replace("\n", "").isprintable()


def test_json_has_no_character_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    answer: dict[str, object] = {"rows": [{"a": "\x1b\x9b2J\u202eé\x7f"}]}

    show(answer, as_json=True)

    printed = capsys.readouterr().out
    assert json.loads(printed) == answer
    assert printed.strip().isprintable()
    assert "é" in printed


def test_json_is_the_whole_answer(capsys: pytest.CaptureFixture[str]) -> None:
    answer: dict[str, object] = {"success": True, "rows": [{"a": 1}], "row_count": 1}

    show(answer, as_json=True)

    assert json.loads(capsys.readouterr().out) == answer


def test_a_cut_result_is_said_beside_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    show({"rows": [{"a": 1}], "truncated": True}, as_json=False)

    printed = capsys.readouterr()
    assert printed.out == "a\n1\n"
    assert printed.err == "1 row, cut at the limit\n"


@pytest.mark.parametrize(("rows", "words"), [(0, "0 rows"), (1, "1 row"), (3, "3 rows")])
def test_a_change_says_how_many_rows(
    capsys: pytest.CaptureFixture[str], rows: int, words: str
) -> None:
    show({"affected_rows": rows}, as_json=False)

    assert capsys.readouterr().err == f"{words} affected\n"
