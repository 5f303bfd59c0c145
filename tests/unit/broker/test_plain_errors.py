import asyncio

import pytest
from mcp.types import ErrorData

from broker.plain_errors import is_date, without_quotes
from tests.unit.broker.serving import a_gateway, answered, part
from tests.unit.broker.standin_router import ID, StandInRouter

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


def test_a_bug_behind_the_sdk_is_logged_by_type_and_place_and_quoted_to_nobody(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def run() -> None:
        arguments = {"connection_id": ID, "query": "select 1"}
        with StandInRouter(lambda *_: CANARY.encode()) as router:
            async with a_gateway(router) as gateway:
                response = await gateway.call(
                    "execute_query", arguments, version="2025-11-25", plain=False
                )

        assert part(answered(response), "error", "code") == -32603
        said = capfd.readouterr().err
        assert '"event":"request_failed","kind":"DecodeError","place":"sdk.py:' in said
        assert "wörd" not in response.text + said

    asyncio.run(run())
