"""JSON-RPC answers as bytes: a finished CallToolResult in its frame, or an error in our words.

The frame of 2026-07-28 is the one that the SDK adds; a test compares the two.
"""

from typing import Final

import msgspec
from mcp.types import SERVER_INFO_META_KEY

from broker.envelope import MessageId
from wire.version import VERSION

_encode: Final = msgspec.json.Encoder().encode

SERVER_NAME: Final = "strongroom"
SERVER_TITLE: Final = "Strongroom"
SERVER_VERSION: Final = VERSION

_SERVER: Final = {"name": SERVER_NAME, "title": SERVER_TITLE, "version": SERVER_VERSION}
_LEGACY_TAIL: Final = b"}}"
_MODERN_TAIL: Final = b"".join(
    (b',"resultType":"complete","_meta":', _encode({SERVER_INFO_META_KEY: _SERVER}), b"}}")
)


def call_result(message_id: MessageId, result: bytes, *, modern: bool) -> bytes:
    """Return the JSON-RPC response around *result*, which is the JSON of a CallToolResult."""
    tail = _MODERN_TAIL if modern else _LEGACY_TAIL
    # The tail brings the closing brace of the result, so that the era's fields fit in before it.
    return b"".join((_head(message_id), memoryview(result)[:-1], tail))


def spliced_result(message_id: MessageId, result: bytes, rest: dict[str, object]) -> bytes:
    """Return the JSON-RPC response around *result* with the further fields in *rest*."""
    fields = b"," + _encode(rest)[1:-1] if rest else b""
    return b"".join((_head(message_id), memoryview(result)[:-1], fields, b"}}"))


def rpc_error(message_id: MessageId | None, code: int, sentence: str) -> bytes:
    """Return a JSON-RPC error response."""
    error = {"code": code, "message": sentence}
    return _encode({"jsonrpc": "2.0", "id": message_id, "error": error})


def _head(message_id: MessageId) -> bytes:
    return b'{"jsonrpc":"2.0","id":' + _encode(message_id) + b',"result":'
