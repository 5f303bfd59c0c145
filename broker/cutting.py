"""Cut a password out of the raw bytes of a `connect_storage` call, before anything else reads them.

Works in place, and makes no object of what it cuts but the one that it returns. In such a call
everything is cut that is not known to be needed: a password under a wrong name, or in a wrong
place, is one too. A call of another tool, by its name, is left as it is. Pure.

What stays is the same JSON, with `""` or `0` for each value that is gone, `""` for each name, and
spaces for the rest of it; where the text is not JSON, all of it is gone.
"""

import re
from typing import Final

from broker.json_places import Names, NotJsonError, Path, Place, places, spelling
from broker.json_text import unescaped
from broker.wiped import Wiped
from wire.destination import HOST_MAX, PASSWORD_MAX_BYTES

TOOL: Final = "connect_storage"

_PLAIN: Final = TOOL.encode()
_SPELLED: Final = re.compile(spelling(TOOL).encode())
_ESCAPE: Final = re.compile(rb"\\u00[5-7]")
"""Begins every escape of a character that the tool's name has."""

_ESCAPED_MAX_BYTES: Final = 6  # of one byte, as in \\u0041
_PAIR_MAX_BYTES: Final = 12  # of one character, as in \\ud83d\\ude00
_NUL: Final = 0

_ANY: Final = re.compile(rb".*+", re.DOTALL)
_WORD: Final = re.compile(
    rb'"(?:[\w/-]|\\/|\\u00(?i:2[df]|3[0-9]|5f|[46][1-9a-f]|[57][0-9a])){1,64}"'
)
_NUMBER: Final = re.compile(rb"[^\"]*+")

_NAMES: Final = Names(
    *("jsonrpc", "id", "method", "params", "requestId", "name", "_meta", "arguments"),
    *("storage_type", "host", "database", "username", "port", "password"),
)
_META: Final = ("params", "_meta")
_PASSWORD: Final = ("params", "arguments", "password")
_KEPT: Final[dict[Path, re.Pattern[bytes]]] = {
    ("jsonrpc",): _ANY,
    ("id",): _ANY,
    ("method",): _WORD,
    ("params", "requestId"): _ANY,  # a cancellation may give a reason that names the tool
    ("params", "name"): _WORD,
    ("params", "arguments", "storage_type"): _WORD,
    ("params", "arguments", "port"): _NUMBER,
}
"""What a value that stays looks like."""

_TELLING: Final[dict[Path, re.Pattern[bytes]]] = {
    ("params", "arguments", "host"): re.compile(rb"[:=@/?]"),
    ("params", "arguments", "database"): re.compile(rb"[:=@]"),
    ("params", "arguments", "username"): re.compile(rb"[:=]"),
}
"""What a URL or a list of settings has in it, where one of these stands alone."""

_IPV6: Final = re.compile(rb"(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f.]{0,15}")
"""Every literal address of this kind; its colons tell nothing."""

_OUTER_NAMES: Final = {("params",), _META, ("params", "arguments"), _PASSWORD}
_KEPT_NAMES: Final = _OUTER_NAMES.union(_KEPT, _TELLING)

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
    """Cut everything secret out of *raw*, which is suspect; return the password.

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
        if not _is_kept(raw, place):
            _cut(raw, place)
    return password


def _is_call(raw: bytearray, found: list[Place]) -> bool:
    """Return whether this may be meant to call the tool, whose name it has, and not another one."""
    called = [place for place in found if place.path == ("params", "name") and not place.is_name]
    return not called or not all(_OTHERS.name_at(raw, one.start, one.end) for one in called)


def _password(raw: bytearray, place: Place) -> Wiped | None:
    start, end = place.start + 1, place.end - 1
    if not place.is_string or end - start > PASSWORD_MAX_BYTES * _ESCAPED_MAX_BYTES:
        return None
    password = unescaped(raw, start, end)
    if password is None or not 0 < len(password) <= PASSWORD_MAX_BYTES or _NUL in password:
        return None
    return password


def _is_kept(raw: bytearray, place: Place) -> bool:
    if place.path[:2] == _META:
        return "password" not in place.path
    if place.is_name:
        return place.path in _KEPT_NAMES
    if place.path in _TELLING:
        return not _may_tell(raw, place)
    kept = _KEPT.get(place.path)
    return kept is not None and kept.fullmatch(raw, place.start, place.end) is not None


def _may_tell(raw: bytearray, place: Place) -> bool:
    """Return whether the name of a host, a database or a user may have a password with it."""
    start, end = place.start + 1, place.end - 1
    if not place.is_string or end - start > HOST_MAX * _PAIR_MAX_BYTES:
        return True
    name = unescaped(raw, start, end)
    if name is None:
        return True
    if place.path[-1] == "host" and _IPV6.fullmatch(name):
        return False
    return _TELLING[place.path].search(name) is not None


def _cut(raw: bytearray, place: Place) -> None:
    left = b'""' if place.is_string else b"0"
    raw[place.start : place.end] = left.ljust(place.end - place.start)
