import codecs
import json

import pytest

from supervisor.strict_json import NotJsonError, parse_json


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"a" 1}', "is not JSON: line 1, column 6: Expecting ':' delimiter"),
        (b'{\n"a": "\\q"}', "is not JSON: line 2, column 7: Invalid \\escape"),
    ],
    ids=["no colon", "no escape"],
)
def test_what_is_not_json_is_told_by_its_place_and_kind(content: bytes, sentence: str) -> None:
    with pytest.raises(NotJsonError) as refused:
        parse_json(content)

    assert str(refused.value) == sentence


@pytest.mark.parametrize("content", [b'{"a": 1,}', b'{"a": [1, 2,\n]}', b'{"a": 1 ,\n }'])
def test_a_comma_before_the_end_is_guessed(content: bytes) -> None:
    with pytest.raises(NotJsonError) as refused:
        parse_json(content)

    assert str(refused.value).endswith(" (a comma too many?)")


@pytest.mark.parametrize("content", [b'{"a": }', b'{"a": 1, x}', b"[1,", b'{"a": 1]}'])
def test_no_comma_is_blamed_where_none_is_too_many(content: bytes) -> None:
    with pytest.raises(NotJsonError) as refused:
        parse_json(content)

    assert "comma too many" not in str(refused.value)


def test_a_mark_that_an_editor_put_first_is_no_mistake() -> None:
    assert parse_json(codecs.BOM_UTF8 + b'{"a": 1}') == {"a": 1}


def test_the_character_that_an_interpreter_names_is_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What json says without its C scanner.
    def scan(*_: object, **__: object) -> None:
        raise json.JSONDecodeError("Invalid \\escape: 'q'", "", 0)

    monkeypatch.setattr(json, "loads", scan)
    with pytest.raises(NotJsonError) as refused:
        parse_json(b"{}")

    assert str(refused.value).endswith("Invalid \\escape")
