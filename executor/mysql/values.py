"""How each value is read from the server's text, and what its type is called; pure.

docs/values.md says what comes out of it for each type.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from executor.mysql.packets import BINARY, Column
from executor.rows import EXACT_MAX, embedded_json

Load: TypeAlias = Callable[[bytes], object]

_UNSIGNED: Final = 1 << 5
_ENUM: Final = 1 << 8
_SET: Final = 1 << 11

# Field types of the protocol (enum_field_types), by number.
_BIGINT: Final = 8
_BIT: Final = 16
_JSON: Final = 245
_STRING: Final = 254
_INTEGERS: Final = {1: "tinyint", 2: "smallint", 3: "int", 9: "mediumint", _BIGINT: "bigint"}
_FLOATS: Final = {4: "float", 5: "double"}
_TEXTS: Final = {
    15: ("varchar", "varbinary"),
    249: ("text", "blob"),
    250: ("text", "blob"),
    251: ("text", "blob"),
    252: ("text", "blob"),
    253: ("varchar", "varbinary"),
    _STRING: ("char", "binary"),
}
"""Those that are text or bytes; the server does not say how long a text or blob may be."""
_BYTES: Final = {242: "vector", 255: "geometry"}
_OTHERS: Final = {
    0: "decimal",
    6: "null",
    7: "timestamp",
    10: "date",
    11: "time",
    12: "datetime",
    13: "year",
    14: "date",
    _BIT: "bit",
    _JSON: "json",
    246: "decimal",
    247: "enum",
    248: "set",
}
_UNSIGNED_TOO: Final = {*_INTEGERS.values(), *_FLOATS.values(), "decimal"}
_NAMES: Final = _INTEGERS | _FLOATS | _BYTES | _OTHERS
_YEAR: Final = 13
_BITS_MAX: Final = 64


def is_text(column: Column) -> bool:
    """Return whether a column has text, in the character set that its collation is of."""
    return column.type in _TEXTS and column.collation != BINARY


def type_name(column: Column) -> str:
    """Return what MySQL calls the type of a column."""
    if column.flags & _ENUM:
        return "enum"
    if column.flags & _SET:
        return "set"
    if column.type in _TEXTS:
        text, binary = _TEXTS[column.type]
        return text if is_text(column) else binary
    name = _NAMES.get(column.type) or str(column.type)
    is_unsigned = column.flags & _UNSIGNED and name in _UNSIGNED_TOO
    return f"{name} unsigned" if is_unsigned else name


def loader(column: Column) -> Load:
    """Return what makes of a column's value that which stands in the JSON."""
    if column.type == _BIT:
        return partial(_bits, min(column.length, _BITS_MAX))
    if column.type in _TEXTS:
        return bytes.decode if is_text(column) else _hexadecimal
    return _LOADERS.get(column.type, bytes.decode)


def _bigint(data: bytes) -> object:
    value = int(data)
    return value if -EXACT_MAX <= value <= EXACT_MAX else str(value)


def _bits(count: int, data: bytes) -> str:
    return f"{int.from_bytes(data, 'big'):0{count}b}"


def _hexadecimal(data: bytes) -> str:
    return f"\\x{data.hex()}"


_LOADERS: Final[dict[int, Load]] = {
    **dict.fromkeys(_INTEGERS, int),
    **dict.fromkeys(_FLOATS, float),
    **dict.fromkeys(_BYTES, _hexadecimal),
    _BIGINT: _bigint,
    _JSON: embedded_json,
    _YEAR: int,
}
