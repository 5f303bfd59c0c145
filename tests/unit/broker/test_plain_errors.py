import pytest
from mcp.types import ErrorData

from broker.plain_errors import is_date, without_quotes

CANARY = "pa55wörd"


def test_of_an_error_only_its_code_and_sentence_are_left() -> None:
    error = ErrorData(code=-32601, message="Method not found", data=CANARY)

    assert without_quotes(error) == ErrorData(code=-32601, message="Method not found")


@pytest.mark.parametrize(
    ("requested", "left"), [("2031-01-01", "2031-01-01"), (CANARY, ""), (7, "")]
)
def test_a_version_that_is_not_served_is_named_if_it_is_a_date(
    requested: object, left: str
) -> None:
    error = ErrorData(code=-32022, message="", data={"supported": ["x"], "requested": requested})

    assert without_quotes(error).data == {"supported": ["x"], "requested": left}


@pytest.mark.parametrize("version", ["", "2026-07-28\n", "2026-07-2٨", "x2026-07-28", "1-1-1"])
def test_what_is_not_a_date_is_none(version: str) -> None:
    assert not is_date(version)
