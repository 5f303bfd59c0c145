"""Where every name and value of a JSON text stands, without an object made of any of them; pure.

JSON is RFC 8259. What the text says is not checked further than it takes to know where things are;
a text that is not JSON at all may be refused here or by whoever decodes it.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

_TOKEN: Final = re.compile(
    rb"""[ \t\n\r]*+ (?: (?P<string> " )
       | (?P<open> [{\[] ) | (?P<close> [}\]] ) | (?P<colon> : ) | (?P<comma> , )
       | (?P<scalar> true | false | null | -?[0-9][0-9.eE+-]*+ ) )""",
    re.VERBOSE,
)
# The bound is what keeps this small: each repeat of a group is remembered until the match ends.
_PIECE: Final = re.compile(rb'(?>(?:[^"\\\x00-\x1f]++|\\.){1,1000})', re.DOTALL)
_QUOTE: Final = ord('"')
_SPACE: Final = re.compile(rb"[ \t\n\r]*+")
_BRACE: Final = ord("{")

DEPTH_MAX: Final = 64
TOKENS_MAX: Final = 50_000
"""More would hold up every other client for longer than a twentieth of a second."""

Path: TypeAlias = tuple[str, ...]
"""The names on the way to a value, an empty one for each that nobody knows; arrays do not count."""


class Place(NamedTuple):
    """A string, a number or a word, or the name of a member; and where it is, in bytes."""

    path: Path
    start: int
    end: int
    is_string: bool
    is_name: bool = False


class NotJsonError(ValueError):
    """The text is not JSON, nested too deeply, or too long."""


class Names:
    """The names that matter, however they are escaped."""

    def __init__(self, *names: str) -> None:
        spelled = (f"(?P<{name}>{spelling(name)})" for name in names)
        self._pattern = re.compile("|".join(spelled).encode())

    def name_at(self, raw: bytearray, start: int, end: int) -> str:
        """Return the name that the string between these places is, empty for any other."""
        found = self._pattern.fullmatch(raw, start + 1, end - 1)
        return "" if found is None else found.lastgroup or ""


def spelling(name: str) -> str:
    """Return the pattern of a JSON string's content that means *name*, which is plain ASCII."""
    return "".join(rf"(?:{one}|\\u00(?i:{ord(one):02x}))" for one in name)


def places(raw: bytearray, names: Names) -> Iterator[Place]:
    """Yield every name and every value that is not an object or an array.

    Raises NotJsonError, perhaps after some of them.
    """
    frames: list[_Frame] = []
    at = count = 0
    while (found := _TOKEN.match(raw, at)) is not None:
        kind, at, count = found.lastgroup or "", found.end(), count + 1
        if count > TOKENS_MAX or len(frames) > DEPTH_MAX or (count > 1 and not frames):
            raise NotJsonError
        if kind == "string":
            at = _string_end(raw, at)
        place = _step(frames, kind, raw, (found.start(kind), at), names)
        if place is not None:
            yield place
    if frames or _SPACE.fullmatch(raw, at) is None:
        raise NotJsonError


def _string_end(raw: bytearray, at: int) -> int:
    """Return where the string ends whose content begins at *at*; raise NotJsonError."""
    while (piece := _PIECE.match(raw, at)) is not None:
        at = piece.end()
    if at == len(raw) or raw[at] != _QUOTE:
        raise NotJsonError
    return at + 1


class _Frame:
    """An object or array that is open."""

    __slots__ = ("awaits_name", "is_object", "name")

    def __init__(self, *, is_object: bool) -> None:
        self.is_object = is_object
        self.awaits_name = is_object
        self.name: str | None = None


def _step(
    frames: list[_Frame], kind: str, raw: bytearray, span: tuple[int, int], names: Names
) -> Place | None:
    """Follow one token; return it if it is a name or a value."""
    frame = frames[-1] if frames else None
    if kind == "open":
        frames.append(_Frame(is_object=raw[span[0]] == _BRACE))
    elif kind in {"string", "scalar"}:
        is_name = kind == "string" and frame is not None and frame.awaits_name
        if frame is not None and is_name:
            frame.name, frame.awaits_name = names.name_at(raw, *span), False
        path = tuple(one.name for one in frames if one.name is not None)
        return Place(path, *span, is_string=kind == "string", is_name=is_name)
    elif frame is None:
        raise NotJsonError
    elif kind == "close":
        frames.pop()
    elif kind == "comma":
        frame.awaits_name = frame.is_object
    return None
