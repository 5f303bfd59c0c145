"""What a process writes to its standard error is not to be believed: take the events out of it.

It may be taken over, and its lines end on somebody's terminal. So a line counts only if it is an
event as `wire.logs` writes them; who said it and when is for the reader to know. All else is told
by its size: the interpreter and libraries print what they hold.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias, get_args

import msgspec

from wire.logs import LINE_BYTES, Level, Scalar

WINDOW_S: Final = 10.0
WINDOW_BYTES: Final = 4 << 20
"""Of one process in one window; what is more is left out. A busy vault writes a tenth of it."""

FIELDS: Final = 16

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
_HEAD: Final = frozenset({"time", "level", "process", "event"})
_LEVELS: Final[Mapping[str, Level]] = {level: level for level in get_args(Level)}
_decode: Final = msgspec.json.Decoder(dict[str, Scalar]).decode


class Said(NamedTuple):
    """An event."""

    level: Level
    event: str
    fields: Mapping[str, Scalar]


class Stray(NamedTuple):
    """Lines that are no events; *last* is the words of the last one, where they may be told."""

    lines: int
    size_bytes: int
    last: str | None


class LeftOut(NamedTuple):
    """More than a window's worth was written, and that much was left out."""

    size_bytes: int


Heard: TypeAlias = Said | Stray | LeftOut


class LogLines:
    """The lines of one process."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_too_long = False
        self._window_ends_at = 0.0
        self._window_bytes = 0
        self._left_out = 0

    def feed(self, data: bytes, *, now: float, words: bool) -> list[Heard]:
        """Take what was written next, and return what it says.

        *words* says that stray lines may be told in their own words.
        """
        heard: list[Heard] = []
        if now >= self._window_ends_at:
            heard += self._new_window(now)
        self._window_bytes += len(data)
        if self._window_bytes > WINDOW_BYTES:
            self._left_out += len(data)
            self._rest, self._is_too_long = b"", not data.endswith(b"\n")
            return heard
        *lines, self._rest = (self._rest + data).split(b"\n")
        if lines and self._is_too_long:
            del lines[0]  # the end of a line whose beginning was dropped
            self._is_too_long = False
        if len(self._rest) > LINE_BYTES:
            lines.append(self._rest)
            self._rest, self._is_too_long = b"", True
        return heard + _sorted(lines, words=words)

    def end(self, *, words: bool) -> list[Heard]:
        """Return what is left when nothing follows."""
        heard = _sorted([self._rest], words=words) if self._rest else []
        self._rest = b""
        return self._new_window(0.0) + heard

    def _new_window(self, now: float) -> list[Heard]:
        found: list[Heard] = [LeftOut(self._left_out)] if self._left_out else []
        self._window_ends_at, self._window_bytes, self._left_out = now + WINDOW_S, 0, 0
        return found


def _sorted(lines: list[bytes], *, words: bool) -> list[Heard]:
    heard: list[Heard] = []
    strays: list[bytes] = []
    for line in lines:
        said = _event(line)
        if said is not None:
            heard.append(said)
        elif line.strip():
            strays.append(line)
    if strays:
        # Of a traceback the last line says most.
        last = strays[-1].decode(errors="backslashreplace") if words else None
        heard.append(Stray(len(strays), sum(map(len, strays)), last))
    return heard


def _event(line: bytes) -> Said | None:
    if not line.startswith(b"{") or len(line) > LINE_BYTES:
        return None
    try:
        found = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    level, event = _LEVELS.get(str(found.get("level"))), found.get("event")
    fields = {name: value for name, value in found.items() if name not in _HEAD}
    names = [event if isinstance(event, str) else "", *fields]
    if level is None or len(fields) > FIELDS or not all(map(_NAME.fullmatch, names)):
        return None
    return Said(level, names[0], fields)
