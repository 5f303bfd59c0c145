"""A JSON array on its way in: an array of PostgreSQL's, or JSON text, as its place has it; pure.

An array literal is written by the rules of array_in (PostgreSQL's manual, "Array Input and Output
Syntax"): every string is quoted, so that none is taken for NULL, a number or a delimiter.
"""

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec
from msgspec import Raw

from executor.parameters import Bound, JsonArray, Value, text, unfit
from executor.postgresql.server_types import ServerType
from wire.faults import RefusedError

DIMENSIONS_MAX: Final = 6
"""PostgreSQL's MAXDIM."""

Lengths: TypeAlias = tuple[int, ...]
"""How many elements there are in each dimension."""

# One dimension without a backslash: all but the brackets is the same in both languages.
_PLAIN: Final = re.compile(rb'\[(?>(?:[^\[\]{}\\"]++|"[^\\"]*+")*)\]')
_TO_ESCAPE: Final = re.compile(rb'["\\]')

_decode: Final = msgspec.json.Decoder(list[Raw]).decode


def written(
    bound: Bound, values: Sequence[Value], types: Sequence[ServerType]
) -> list[bytes | None]:
    """Return the values as text; *types* are those that the server infers.

    Raises RefusedError naming a parameter whose array does not fit.
    """
    if len(types) != len(values):
        raise unfit("The database takes no parameters in a statement of this kind")
    return [
        argument(name, value.json, kind) if isinstance(value, JsonArray) else value
        for name, value, kind in zip(bound.names, values, types, strict=True)
    ]


def argument(name: str, json: bytes, kind: ServerType) -> bytes:
    """Return the JSON array *json* as the text of a value of this type."""
    if kind.element:
        return _literal(name, json, kind)
    if not kind.takes_json:
        raise unfit(
            f"The value of :{name} is an array, but the statement takes one {kind.name} there; "
            f"compare with a list by = ANY(:{name})"
        )
    return json


def _literal(name: str, json: bytes, kind: ServerType) -> bytes:
    if kind.delimiter == "," and _PLAIN.fullmatch(json) is not None:
        return b"{" + json[1:-1] + b"}"
    literal, _ = _nested(name, json, kind, DIMENSIONS_MAX)
    return literal


def _nested(name: str, json: bytes, kind: ServerType, deep_max: int) -> tuple[bytes, Lengths]:
    if not deep_max:
        raise _too_deep(name)
    parts: list[bytes] = []
    inner: set[Lengths] = set()
    for element in _elements(name, json):
        if element.startswith(b"[") and not kind.holds_json:
            part, lengths = _nested(name, element, kind, deep_max - 1)
        else:
            part, lengths = _element(name, element), ()
        parts.append(part)
        inner.add(lengths)
    if len(inner) > 1:
        raise unfit(f"The value of :{name} has arrays of different lengths side by side")
    literal = b"{%b}" % kind.delimiter.encode().join(parts)
    return literal, (len(parts), *next(iter(inner), ()))


def _elements(name: str, json: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in _decode(json)]
    except RecursionError:
        raise _too_deep(name) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise unfit(f"The value of :{name} is not Unicode text") from None


def _element(name: str, json: bytes) -> bytes:
    if json == b"null":
        return b"NULL"
    if json.startswith(b'"'):
        return _quoted(text(name, json).encode())
    return _quoted(json) if json.startswith((b"{", b"[")) else json


def _quoted(value: bytes) -> bytes:
    return b'"%b"' % _TO_ESCAPE.sub(rb"\\\g<0>", value)


def _too_deep(name: str) -> RefusedError:
    return unfit(f"The value of :{name} has more than {DIMENSIONS_MAX} dimensions")
