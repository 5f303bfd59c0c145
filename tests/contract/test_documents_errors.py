"""What docs/errors.md says of faults is what clients read."""

import msgspec

from tests.contract.markdown import document, table, ticked
from wire.faults import HINTS, SENTENCES, Fault, FaultCode
from wire.results import failure

ERRORS = "docs/errors.md"


def rows() -> dict[str, tuple[str, str, str]]:
    found = table(document(ERRORS), "code", "`error`", "when", "what to do")
    return {ticked(code)[0]: (error, when, what) for code, error, when, what in found}


def test_every_fault_is_documented_in_the_order_of_the_code_and_no_other() -> None:
    assert list(rows()) == [code.value for code in FaultCode]


def test_every_sentence_and_every_hint_is_documented_word_for_word() -> None:
    for code in FaultCode:
        error, when, what = rows()[code.value]
        assert error == SENTENCES[code]
        assert when
        assert what.startswith(HINTS.get(code, "")), code
        assert what


def test_the_example_is_what_a_client_gets() -> None:
    block = document(ERRORS).split("```json\n", 1)[1].split("\n```", 1)[0]

    sent = msgspec.json.decode(failure(Fault(code=FaultCode.RESULT_TOO_LARGE)))

    assert sent["structuredContent"] == msgspec.json.decode(block)
    assert sent["isError"] is True
