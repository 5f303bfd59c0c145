"""Every failure that may cross has a sentence, and a result that a client can read."""

import pytest
from mcp.types import CallToolResult

from tests.harness.results import structured_of
from wire.faults import HINTS, SENTENCES, Fault, FaultCode
from wire.results import failure, success, tool_result

every_code = pytest.mark.parametrize("code", FaultCode)


@every_code
def test_a_code_has_a_sentence_of_its_own(code: FaultCode) -> None:
    sentence = Fault(code=code).sentence

    assert sentence == SENTENCES[code]
    assert sentence[0].isupper()
    assert not sentence.endswith(".")
    assert list(SENTENCES.values()).count(sentence) == 1


def test_there_is_no_sentence_or_hint_without_a_code() -> None:
    assert set(SENTENCES) == set(FaultCode)
    assert set(HINTS) <= set(FaultCode)
    assert all(hint.endswith(".") for hint in HINTS.values())


@every_code
def test_a_failure_is_a_result_as_the_protocol_has_it(code: FaultCode) -> None:
    result = CallToolResult.model_validate_json(failure(Fault(code=code)))

    assert result.is_error
    assert structured_of(result) == {
        "success": False,
        "error": SENTENCES[code],
        "fault": {"code": code.value, **({"hint": HINTS[code]} if code in HINTS else {})},
    }


def test_a_failure_tells_all_that_the_fault_says() -> None:
    fault = Fault(
        code=FaultCode.STATEMENT_FAILED,
        message='relation "a" does not exist',
        sqlstate="42P01",
        hint="Look again.",
        position=15,
        may_have_run=False,
    )

    result = CallToolResult.model_validate_json(failure(fault))

    assert structured_of(result) == {
        "success": False,
        "error": 'relation "a" does not exist',
        "fault": {
            "code": "statement_failed",
            "sqlstate": "42P01",
            "hint": "Look again.",
            "position": 15,
            "may_have_run": False,
        },
    }


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"rows": [{"a": 1, "b": None, "c": '…\u2028\x00"\\/'}]},
        {"text": "</script>\n\t", "deep": {"er": [[], {}, 1.5, -0.0]}},
    ],
    ids=["nothing", "odd text", "nesting"],
)
def test_text_and_structured_content_say_the_same(fields: dict[str, object]) -> None:
    result = CallToolResult.model_validate_json(success(fields))

    assert not result.is_error
    assert structured_of(result) == {"success": True, **fields}


def test_a_result_holds_the_bytes_that_it_was_given() -> None:
    structured = b'{"success":true,"n":12345678901234567890.10}'

    assert b'"structuredContent":' + structured + b"," in tool_result(structured)
