"""Cut a password out of the raw bytes of a `connect_storage` call, before anything else reads them.

Works in place, and makes no object of what it cuts but the one that it returns. In such a call
everything is cut that is not known to be needed: a password under a wrong name, or in a wrong
place, is one too. Any other message is left as it is. Pure.

What stays is the same JSON, with `""` or `0` for each value that is gone, `""` for each name, and
spaces for the rest of it; where the text is not JSON, all of it is gone.
"""

import re
from typing import Final

from broker.json_places import Names, NotJsonError, Place, places, spelling
from broker.json_text import unescaped
from broker.wiped import Wiped
from wire.destination import PASSWORD_MAX_BYTES

TOOL: Final = "connect_storage"

_PLAIN: Final = TOOL.encode()
_SPELLED: Final = re.compile(spelling(TOOL).encode())
_ESCAPE: Final = re.compile(rb"\\u00[5-7]")
"""Begins every escape of a character that the tool's name has."""

_ESCAPED_MAX_BYTES: Final = 6  # of one byte, as in \\u0041
_NUL: Final = 0

_MESSAGE: Final = ("jsonrpc", "id", "method")
_ARGUMENTS: Final = ("storage_type", "host", "database", "username", "port")
_NAMES: Final = Names(*_MESSAGE, "params", "name", "_meta", "arguments", *_ARGUMENTS, "password")

_META: Final = ("params", "_meta")
_PASSWORD: Final = ("params", "arguments", "password")
_KEPT: Final = frozenset(
    [
        *((name,) for name in _MESSAGE),
        ("params", "name"),
        *(("params", "arguments", name) for name in _ARGUMENTS),
    ]
)
_KEPT_NAMES: Final = _KEPT | {("params",), _META, ("params", "arguments"), _PASSWORD}

OTHER_TOOLS: Final = (
    "connect_named_storage",
    "connection_status",
    "disconnect_storage",
    "execute_query",
    "list_connections",
)
_OTHERS: Final = Names(*OTHER_TOOLS)


def is_suspect(raw: bytearray) -> bool:
    """Return whether *raw* has to be looked at: cheap, and never wrong about a call that has to."""
    if _PLAIN in raw:
        return True
    return _ESCAPE.search(raw) is not None and _SPELLED.search(raw) is not None


def cut_password(raw: bytearray) -> Wiped | None:
    """Cut everything secret out of *raw*, if it is such a call; return the password.

    None where there is none that could be one: 1 to PASSWORD_MAX_BYTES bytes of Unicode text
    without a NUL. Of several it is the last, as it is for whoever decodes the rest.
    """
    try:
        found = list(places(raw, _NAMES))
    except NotJsonError:
        raw[:] = bytes(len(raw))
        return None
    if not _is_call(raw, found):
        return None
    password: Wiped | None = None
    for place in found:
        if place.path == _PASSWORD and not place.is_name:
            password = _password(raw, place)
        if not _is_kept(place):
            _cut(raw, place)
    return password


def _is_call(raw: bytearray, found: list[Place]) -> bool:
    """Return whether this calls the tool, or could have been meant to."""
    values = [place for place in found if place.is_string and not place.is_name]
    called = [place for place in values if place.path == ("params", "name")]
    if called:
        return not all(_OTHERS.name_at(raw, place.start, place.end) for place in called)
    return any(_SPELLED.fullmatch(raw, place.start + 1, place.end - 1) for place in values)


def _password(raw: bytearray, place: Place) -> Wiped | None:
    start, end = place.start + 1, place.end - 1
    if not place.is_string or end - start > PASSWORD_MAX_BYTES * _ESCAPED_MAX_BYTES:
        return None
    password = unescaped(raw, start, end)
    if password is None or not 0 < len(password) <= PASSWORD_MAX_BYTES or _NUL in password:
        return None
    return password


def _is_kept(place: Place) -> bool:
    if place.path[:2] == _META:
        return "password" not in place.path
    return place.path in (_KEPT_NAMES if place.is_name else _KEPT)


def _cut(raw: bytearray, place: Place) -> None:
    left = b'""' if place.is_string else b"0"
    raw[place.start : place.end] = left.ljust(place.end - place.start)
