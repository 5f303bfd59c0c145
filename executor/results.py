"""Rows, as they come from libpq, to the JSON that the client reads; each value is touched once.

Integers and floats are JSON numbers where a reader's float64 holds them exactly, booleans and null
are themselves, json and jsonb are embedded, and everything else is PostgreSQL's own text.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import count
from typing import Final, TypeAlias

import msgspec
from msgspec import Raw
from psycopg import abc, postgres
from psycopg.adapt import AdaptersMap, Loader, Transformer
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.types.bool import BoolLoader
from psycopg.types.numeric import FloatLoader, IntLoader
from psycopg.types.string import TextLoader

Row: TypeAlias = tuple[object, ...]
MakeRow: TypeAlias = Callable[..., object]

EXACT_MAX: Final = 2**53
"""Beyond it a float64, which is all that many JSON readers have, skips integers."""
SHAPES_MAX: Final = 256

_ANY_TYPE: Final = 0
_INT8: Final = 20
_FLOATS: Final = frozenset({700, 701})  # float4, float8
_LINE_BREAKS: Final = bytes.maketrans(b"\r\n", b"  ")
_encode: Final = msgspec.json.Encoder().encode
_check_json: Final = msgspec.json.Decoder().decode


class ResultTooLargeError(Exception):
    """The result's JSON is longer than it may be."""


class _JsonLoader(Loader):
    """What the server calls JSON stands in ours as it is, and so has to be one value and no more.

    Otherwise a server could end our object and go on with another. What PostgreSQL takes for JSON
    and some readers do not (a lone surrogate, a number beyond any float64) is text as well.
    """

    def load(self, data: abc.Buffer) -> Raw | str:
        # A line break in JSON text is only space, but would end a message on standard output.
        raw = bytes(data).translate(_LINE_BREAKS)
        try:
            _check_json(raw)
        except (msgspec.DecodeError, RecursionError):
            return raw.decode()
        return Raw(raw)


def text_adapters() -> AdaptersMap:
    """Return how values are read; make it once."""
    adapters = AdaptersMap()
    adapters.register_loader(_ANY_TYPE, TextLoader)
    for name in ("int2", "int4", "int8", "oid"):
        adapters.register_loader(postgres.types[name].oid, IntLoader)
    for name in ("float4", "float8"):
        adapters.register_loader(postgres.types[name].oid, FloatLoader)
    for name in ("json", "jsonb"):
        adapters.register_loader(postgres.types[name].oid, _JsonLoader)
    adapters.register_loader(postgres.types["bool"].oid, BoolLoader)
    return adapters


class ResultText:
    """The JSON of one statement's result, as its parts come in."""

    def __init__(self, adapters: AdaptersMap, *, rows_max: int, max_bytes: int) -> None:
        self._adapters = adapters
        self._rows_max = rows_max
        self._bytes_left = max_bytes
        self._transformer: abc.Transformer | None = None
        self._columns = b""
        self._make: MakeRow = tuple
        self._big: list[int] = []
        self._floats: list[int] = []
        self._parts: list[bytes] = []
        self._rows = 0
        self._affected: int | None = None
        self.is_truncated = False
        """Whether rows were left out; those that come after may as well stay away."""

    def add(self, result: PGresult) -> None:
        """Take the next part; raise ResultTooLargeError when that is too much."""
        if result.status == ExecStatus.COMMAND_OK:
            self._affected = result.command_tuples
            return
        if self._transformer is None:
            self._begin(result)
        rows = min(result.ntuples, self._rows_max - self._rows)
        self.is_truncated = self.is_truncated or rows < result.ntuples
        if rows:
            self._parts.append(self._rows_text(result, rows))
            self._rows += rows

    def finish(self) -> bytes:
        """Return the JSON object."""
        if self._transformer is None:
            return b'{"success":true,"affected_rows":%d}' % (self._affected or 0)
        return b'{"success":true,"rows":[%b],"row_count":%d,"columns":%b%b}' % (
            b",".join(self._parts),
            self._rows,
            self._columns,
            b',"truncated":true' if self.is_truncated else b"",
        )

    def _begin(self, result: PGresult) -> None:
        names = unique_names([_name(result, i) for i in range(result.nfields)])
        types = [result.ftype(i) for i in range(result.nfields)]
        self._big = [i for i, oid in enumerate(types) if oid == _INT8]
        self._floats = [i for i, oid in enumerate(types) if oid in _FLOATS]
        self._make = row_maker(names)
        self._columns = _encode(
            [{"name": n, "type": type_name(t)} for n, t in zip(names, types, strict=True)]
        )
        self._bytes_left -= len(self._columns)
        self._transformer = Transformer(self._adapters)

    def _rows_text(self, result: PGresult, rows: int) -> bytes:
        if self._transformer is None:
            raise AssertionError("rows before their description")
        self._transformer.set_pgresult(result)
        loaded: Sequence[Row] = self._transformer.load_rows(0, rows, tuple)
        if _any_wide(loaded, self._big) or _any_special(loaded, self._floats):
            loaded = [tuple(map(_safe, row)) for row in loaded]
        make = self._make
        text = _encode([make(*row) for row in loaded])[1:-1]
        self._bytes_left -= len(text)
        if self._bytes_left < 0:
            raise ResultTooLargeError
        return text


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return *names* with `_2`, `_3` after those that came before."""
    taken = set(names)
    seen: set[str] = set()
    unique = []
    for name in names:
        chosen = name
        if name in seen:
            chosen = next(c for n in count(2) if (c := f"{name}_{n}") not in taken)
            taken.add(chosen)
        seen.add(name)
        unique.append(chosen)
    return tuple(unique)


@lru_cache(SHAPES_MAX)
def row_maker(names: tuple[str, ...]) -> MakeRow:
    """Return what makes one row with these column names; it encodes twice as fast as a dict."""
    fields = [f"f{i}" for i in range(len(names))]
    try:
        return msgspec.defstruct(
            "Row",
            [(field, object) for field in fields],
            rename=dict(zip(fields, names, strict=True)),
            gc=False,
        )
    except ValueError:
        # msgspec takes no field name that JSON must escape.
        return partial(_dict_row, names)


def type_name(oid: int) -> str:
    """Return a type's name as the server writes it, or its number if it is not built in."""
    known = postgres.types.get(oid)
    if known is None:
        return f"oid {oid}"
    return known.regtype if known.oid == oid else f"{known.regtype}[]"


def _dict_row(names: tuple[str, ...], *row: object) -> dict[str, object]:
    return dict(zip(names, row, strict=True))


def _name(result: PGresult, column: int) -> str:
    return (result.fname(column) or b"").decode()


def _any_wide(rows: Sequence[Row], columns: Sequence[int]) -> bool:
    return any(
        not -EXACT_MAX <= value <= EXACT_MAX
        for column in columns
        for row in rows
        if isinstance(value := row[column], int)
    )


def _any_special(rows: Sequence[Row], columns: Sequence[int]) -> bool:
    return any(
        not math.isfinite(value)
        for column in columns
        for row in rows
        if isinstance(value := row[column], float)
    )


def _safe(value: object) -> object:
    if isinstance(value, int):
        return value if -EXACT_MAX <= value <= EXACT_MAX else str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
