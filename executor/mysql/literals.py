"""A statement with its parameters' values written into it, since the text protocol has none; pure.

No mode of the server, no character set and no quote in a value makes anything else of a literal:
text is written as hexadecimal digits after the name of its character set.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Raw

from executor.parameters import Bound, fitting, text

_WORDS: Final = {b"null": "NULL", b"true": "TRUE", b"false": "FALSE"}


def written(bound: Bound, given: Mapping[str, Raw]) -> bytes:
    """Return the statement as the server gets it; raise RefusedError as `fitting` and `text` do."""
    values = fitting(bound, given)
    parts = [bound.pieces[0]]
    for name, raw, piece in zip(bound.names, values, bound.pieces[1:], strict=True):
        parts += [_literal(name, raw), piece]
    return "".join(parts).encode()


def _literal(name: str, raw: bytes) -> str:
    if raw in _WORDS:
        return _WORDS[raw]
    if raw.startswith(b'"'):
        return _text(text(name, raw).encode())
    if raw.startswith((b"[", b"{")):
        return _text(raw)
    digits = raw.decode()
    # So that `a - :x` is never the beginning of a comment.
    return f"({digits})" if digits.startswith("-") else digits


def _text(value: bytes) -> str:
    return f"_utf8mb4 X'{value.hex()}'"
