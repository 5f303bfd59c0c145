"""The JSON of a tool's result: it says the same twice, and is never longer than a frame."""

import json

import pytest

from wire.results import RESULT_MAX_BYTES, tool_result
from wire.sockets import FRAME_MAX_BYTES

# A rounded-up guess at what stands around the two copies.
AROUND_BYTES = 200


def test_the_largest_result_that_may_be_configured_fits_into_a_frame() -> None:
    assert 3 * RESULT_MAX_BYTES + AROUND_BYTES < FRAME_MAX_BYTES


@pytest.mark.parametrize("value", ['"', "\\", "\n", "\x01", "é", "\U0001f600", "x"])
def test_a_result_is_at_most_three_times_its_json(value: str) -> None:
    structured = json.dumps({"rows": [{"v": value * 10_000}]}, ensure_ascii=False).encode()

    written = tool_result(structured)

    assert len(written) <= 3 * len(structured) + AROUND_BYTES
    result = json.loads(written)
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
