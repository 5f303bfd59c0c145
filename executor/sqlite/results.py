"""Rows, as they come from SQLite, to the JSON that the client reads.

SQLite has a type for each value and none for a column, so a column's `type` is the one that all its
values have, and empty where they differ or are all null.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from executor.rows import (
    EXACT_MAX,
    ResultTooLargeError,
    affected_json,
    in_parts,
    row_maker,
    rows_json,
    unique_names,
)

Row: TypeAlias = tuple[object, ...]

CHUNK_ROWS: Final = 500
CHUNK_BYTES: Final = 1 << 20
"""About as much is held before it is written."""

_TYPES: Final[dict[type, str]] = {int: "integer", float: "real", str: "text", bytes: "blob"}

_encode: Final = msgspec.json.Encoder().encode


class ResultText:
    """The JSON of one statement's result."""

    def __init__(self, rows_max: int, max_bytes: int) -> None:
        self._rows_max = rows_max
        self._bytes_left = max_bytes
        self._parts: list[bytes] = []
        self._rows = 0
        self._is_truncated = False
        self._columns: bytes | None = None
        self._affected = 0

    @property
    def rows(self) -> int:
        """Return how many rows the result has."""
        return self._rows

    def take_rows(self, names: Sequence[str], rows: Iterable[Row]) -> None:
        """Take every row, or the first ones; raise ResultTooLargeError when that is too much."""
        unique = unique_names(names)
        types: list[set[type]] = [set() for _ in names]
        make = row_maker(unique)
        chunk: list[object] = []
        held_bytes = 0
        for row in rows:
            if self._rows == self._rows_max:
                self._is_truncated = True
                break
            for seen, value in zip(types, row, strict=True):
                seen.add(type(value))
            held_bytes += sum(len(value) for value in row if isinstance(value, str | bytes))
            if held_bytes > self._bytes_left:
                raise ResultTooLargeError
            chunk.append(make(*map(_written, row)))
            self._rows += 1
            if len(chunk) == CHUNK_ROWS or held_bytes >= CHUNK_BYTES:
                self._write(chunk, unique)
                chunk, held_bytes = [], 0
        self._write(chunk, unique)
        described = zip(unique, map(_type, types), strict=True)
        self._columns = _encode([{"name": name, "type": its} for name, its in described])
        self._take(len(self._columns))

    def take_change(self, affected: int) -> None:
        """Note how many rows a statement without a result has changed."""
        self._affected = affected

    def finish(self) -> bytes:
        """Return the JSON object."""
        if self._columns is None:
            return affected_json(self._affected)
        return rows_json(
            self._parts, rows=self._rows, columns=self._columns, is_truncated=self._is_truncated
        )

    def _write(self, chunk: Sequence[object], names: Sequence[str]) -> None:
        for rows in in_parts(chunk, names, lambda: self._bytes_left):
            text = _encode(rows)[1:-1]
            self._parts.append(text)
            self._take(len(text))

    def _take(self, count_bytes: int) -> None:
        self._bytes_left -= count_bytes
        if self._bytes_left < 0:
            raise ResultTooLargeError


def _written(value: object) -> object:
    writer = _WRITERS.get(type(value))
    return value if writer is None else writer(value)


def _integer(value: object) -> object:
    return str(value) if isinstance(value, int) and abs(value) > EXACT_MAX else value


def _real(value: object) -> object:
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _blob(value: object) -> object:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else value


_WRITERS: Final[dict[type, Callable[[object], object]]] = {
    int: _integer,
    float: _real,
    bytes: _blob,
}


def _type(seen: set[type]) -> str:
    types = seen - {type(None)}
    return _TYPES[types.pop()] if len(types) == 1 else ""
