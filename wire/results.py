"""The JSON of a tool's result, as an MCP client reads it; written once, by whoever has the answer.

The shape is CallToolResult of the Model Context Protocol (2025-11-25 and 2026-07-28,
`tools/call`): the same object once as text and once as `structuredContent`. A gateway only adds
the JSON-RPC frame.
"""

from typing import Final

import msgspec

from wire.faults import HINTS, Fault

RESULT_MAX_BYTES: Final = 26 << 20
"""The most that a configuration may allow one result: three times as much is still one frame."""

_encode: Final = msgspec.json.Encoder().encode


def tool_result(structured: bytes, *, is_error: bool = False) -> bytes:
    """Return the CallToolResult around *structured*, which is the JSON of one object.

    At worst it is three times as long: once as it is, and once as text, in which every byte may
    need a backslash.
    """
    text = _encode(structured.decode())
    flag = b"true" if is_error else b"false"
    return b"".join(
        (
            b'{"content":[{"type":"text","text":',
            text,
            b'}],"structuredContent":',
            structured,
            b',"isError":',
            flag,
            b"}",
        )
    )


def success(fields: dict[str, object]) -> bytes:
    """Return the CallToolResult of a call that worked: `success: true` and *fields*."""
    return tool_result(_encode({"success": True, **fields}))


def failure(fault: Fault) -> bytes:
    """Return the CallToolResult of a call that failed: `success: false`, `error` and `fault`."""
    fields: dict[str, object] = {
        "code": fault.code.value,
        "sqlstate": fault.sqlstate,
        "hint": fault.hint or HINTS.get(fault.code),
        "position": fault.position,
        "may_have_run": fault.may_have_run,
    }
    detail = {name: value for name, value in fields.items() if value is not None}
    body = _encode({"success": False, "error": fault.sentence, "fault": detail})
    return tool_result(body, is_error=True)
