"""Rows, as a server of MySQL's protocol sends them, to the JSON that the client reads.

A statement can have several results, as CALL does: the first one with rows is shown, and the rest
is read and dropped.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from executor.mysql.packets import Column, Row
from executor.mysql.values import Load, is_text, loader, type_name
from executor.rows import (
    MakeRow,
    ResultTooLargeError,
    affected_json,
    in_parts,
    row_maker,
    rows_json,
    unique_names,
)

_encode: Final = msgspec.json.Encoder().encode


class NotUtf8Error(Exception):
    """The server was told by somebody to send text in another character set."""


class ResultText:
    """The JSON of one statement's result, as it comes in."""

    def __init__(self, collation: int, *, rows_max: int, max_bytes: int) -> None:
        """Expect text in the character set that *collation* is of."""
        self._collation = collation
        self._rows_max = rows_max
        self._bytes_left = max_bytes
        self._loads: list[Load] = []
        self._make: MakeRow = dict
        self._names: tuple[str, ...] = ()
        self._described: bytes | None = None
        self._parts: list[bytes] = []
        self._affected = 0
        self.rows = 0
        """How many rows the result has."""
        self.is_truncated = False
        """Whether rows were left out; those that come after may as well stay away."""

    @property
    def has_rows(self) -> bool:
        """Return whether a result with rows has begun."""
        return self._described is not None

    @property
    def room(self) -> int:
        """Return how many rows may still come."""
        return self._rows_max - self.rows

    def begin(self, columns: list[Column]) -> None:
        """Take the columns of the result; raise NotUtf8Error for text that cannot be read."""
        if any(is_text(one) and one.collation != self._collation for one in columns):
            raise NotUtf8Error
        self._names = names = unique_names([column.name for column in columns])
        described = zip(names, map(type_name, columns), strict=True)
        self._described = _encode([{"name": name, "type": its} for name, its in described])
        self._loads = [loader(column) for column in columns]
        self._make = row_maker(names)
        self._take(len(self._described))

    def add(self, rows: Sequence[Row]) -> None:
        """Take the next rows; raise ResultTooLargeError when that is too much."""
        if len(rows) > self.room:
            self.is_truncated = True
            rows = rows[: self.room]
        for part in in_parts(rows, self._names, lambda: self._bytes_left):
            # Column by column, which takes half as long as row by row.
            loaded = map(_loaded, self._loads, zip(*part, strict=True))
            text = _encode(list(map(self._make, *loaded)))[1:-1]
            self._parts.append(text)
            self.rows += len(part)
            self._take(len(text))

    def change(self, affected: int) -> None:
        """Note how many rows a result without rows is about."""
        self._affected = affected

    def finish(self) -> bytes:
        """Return the JSON object."""
        if self._described is None:
            return affected_json(self._affected)
        return rows_json(
            self._parts,
            rows=self.rows,
            columns=self._described,
            is_truncated=self.is_truncated,
        )

    def _take(self, count_bytes: int) -> None:
        self._bytes_left -= count_bytes
        if self._bytes_left < 0:
            raise ResultTooLargeError


def _loaded(load: Load, values: tuple[bytes | None, ...]) -> list[object]:
    return [value if value is None else load(value) for value in values]
