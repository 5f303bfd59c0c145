"""JSON values to what SQLite keeps; pure.

A number stays a number as long as SQLite's own keep every digit: an integer of 64 bits, or a float
that reads back as it was written. Any other goes as text, which loses nothing, and which a column
of a numeric type takes as a number again. Objects and arrays go as their JSON.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeAlias

from msgspec import Raw

from executor.parameters import Bound, fitting, text, unfit

SqliteValue: TypeAlias = str | int | float | None

_INTEGER_MIN: Final = -(2**63)
_INTEGER_MAX: Final = 2**63 - 1
_INTEGER_DIGITS_MAX: Final = 20
_FLOAT_CHARACTERS_MAX: Final = 40
"""More than any float's shortest form has."""
_WORDS: Final[dict[bytes, SqliteValue]] = {b"null": None, b"true": 1, b"false": 0}


def sqlite_values(bound: Bound, given: Mapping[str, Raw]) -> list[SqliteValue]:
    """Return each parameter's value; raise RefusedError naming one that does not fit."""
    return [_value(name, raw) for name, raw in zip(bound.names, fitting(bound, given), strict=True)]


def _value(name: str, raw: bytes) -> SqliteValue:
    if raw in _WORDS:
        return _WORDS[raw]
    if raw.startswith(b'"'):
        return text(name, raw)
    try:
        written = raw.decode()
    except UnicodeDecodeError:
        raise unfit(f"The value of :{name} is not Unicode text") from None
    return written if raw.startswith((b"{", b"[")) else _number(written)


def _number(written: str) -> SqliteValue:
    if written.lstrip("-").isdecimal():
        if len(written) <= _INTEGER_DIGITS_MAX and _INTEGER_MIN <= int(written) <= _INTEGER_MAX:
            return int(written)
        return written
    if len(written) <= _FLOAT_CHARACTERS_MAX:
        number = float(written)
        if Decimal(written) == Decimal(repr(number)):
            return number
    return written
