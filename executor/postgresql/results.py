"""Rows, as they come from libpq, to the JSON that the client reads; each value is touched once.

Rows with a type that nobody knows yet are held back until the server has said what it is.
"""

from typing import Final, NamedTuple

import msgspec
from psycopg import abc
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from executor.postgresql.loaders import Precision, Row, with_arrays
from executor.postgresql.server_types import KnownTypes
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


class _Columns(NamedTuple):
    """What all rows of one result have in common."""

    json: bytes
    names: tuple[str, ...]
    transformer: abc.Transformer
    precision: Precision
    make: MakeRow


class _Part(NamedTuple):
    """Rows that came together, and how many of them count."""

    result: PGresult
    rows: int


class ResultText:
    """The JSON of one statement's result, as its parts come in."""

    def __init__(
        self, adapters: AdaptersMap, known: KnownTypes, *, rows_max: int, max_bytes: int
    ) -> None:
        self._adapters = adapters
        self._known = known
        self._rows_max = rows_max
        self._bytes_left = max_bytes
        self._columns: _Columns | None = None
        self._parts: list[bytes] = []
        self._held: list[_Part] = []
        self._rows = 0
        self._affected: int | None = None
        self.unknown: frozenset[int] = frozenset()
        """Types that the server has to be asked about, before `settle`."""
        self.is_truncated = False
        """Whether rows were left out; those that come after may as well stay away."""

    @property
    def rows(self) -> int:
        """Return how many rows the result has."""
        return self._rows

    def add(self, result: PGresult) -> None:
        """Take the next part; raise ResultTooLargeError when that is too much."""
        if result.status == ExecStatus.COMMAND_OK:
            self._affected = result.command_tuples
            return
        part = _Part(result, min(result.ntuples, self._rows_max - self._rows))
        self.is_truncated = self.is_truncated or part.rows < result.ntuples
        self._rows += part.rows
        if self._columns is None and not self._held:
            self.unknown = self._known.unknown(_types(result))
        if not self.unknown:
            self._write(part)
        elif part.rows or not self._held:
            self._held.append(part)

    def settle(self) -> None:
        """Write what was held back; a type that is still unknown has its number for a name."""
        held, self._held, self.unknown = self._held, [], frozenset()
        for part in held:
            self._write(part)

    def finish(self) -> bytes:
        """Return the JSON object."""
        if self._columns is None:
            return affected_json(self._affected or 0)
        return rows_json(
            self._parts,
            rows=self._rows,
            columns=self._columns.json,
            is_truncated=self.is_truncated,
        )

    def _write(self, part: _Part) -> None:
        if self._columns is None:
            self._columns = self._described(part.result)
        if not part.rows:
            return
        columns = self._columns
        columns.transformer.set_pgresult(part.result)
        loaded: list[Row] = columns.transformer.load_rows(0, part.rows, tuple)
        exact = columns.precision.exact(loaded)
        for rows in in_parts(exact, columns.names, lambda: self._bytes_left):
            text = _encode([columns.make(*row) for row in rows])[1:-1]
            self._parts.append(text)
            self._take(len(text))

    def _described(self, result: PGresult) -> _Columns:
        names = unique_names([_name(result, i) for i in range(result.nfields)])
        types = _types(result)
        described = [
            {"name": name, "type": self._known[oid].name}
            for name, oid in zip(names, types, strict=True)
        ]
        json = _encode(described)
        self._take(len(json))
        return _Columns(
            json,
            names,
            Transformer(with_arrays(self._adapters, types, self._known)),
            Precision(types, self._known),
            row_maker(names),
        )

    def _take(self, count_bytes: int) -> None:
        self._bytes_left -= count_bytes
        if self._bytes_left < 0:
            raise ResultTooLargeError


def _types(result: PGresult) -> list[int]:
    return [result.ftype(i) for i in range(result.nfields)]


def _name(result: PGresult, column: int) -> str:
    return (result.fname(column) or b"").decode()
