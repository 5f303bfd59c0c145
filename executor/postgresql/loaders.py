"""How each value is read from the server's text, before it is written as JSON.

docs/values.md says what comes out of it for each type.
"""

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

from msgspec import Raw
from psycopg import abc, postgres
from psycopg.adapt import AdaptersMap, Loader
from psycopg.types import TypeInfo
from psycopg.types.array import register_array
from psycopg.types.bool import BoolLoader
from psycopg.types.numeric import FloatLoader, IntLoader
from psycopg.types.string import TextLoader

from executor.postgresql.server_types import KnownTypes
from executor.rows import EXACT_MAX, embedded_json

Row: TypeAlias = tuple[object, ...]

_ANY_TYPE: Final = 0
_INT8: Final = 20
_FLOATS: Final = frozenset({700, 701})  # float4, float8


class _JsonLoader(Loader):
    """What the server calls JSON stands in ours as it is."""

    def load(self, data: abc.Buffer) -> Raw | str:
        return embedded_json(bytes(data))


def text_adapters() -> AdaptersMap:
    """Return how values are read; make it once."""
    adapters = AdaptersMap()
    adapters.register_loader(_ANY_TYPE, TextLoader)
    for info in postgres.types:
        if info.array_oid:
            register_array(info, adapters)
    for name in ("int2", "int4", "int8", "oid"):
        adapters.register_loader(postgres.types[name].oid, IntLoader)
    for name in ("float4", "float8"):
        adapters.register_loader(postgres.types[name].oid, FloatLoader)
    for name in ("json", "jsonb"):
        adapters.register_loader(postgres.types[name].oid, _JsonLoader)
    adapters.register_loader(postgres.types["bool"].oid, BoolLoader)
    return adapters


def with_arrays(adapters: AdaptersMap, oids: Sequence[int], known: KnownTypes) -> AdaptersMap:
    """Return how values are read where these types, which sessions were asked about, come too."""
    arrays = {oid: found for oid, found in known.learned(oids).items() if found.element}
    if not arrays:
        return adapters
    extended = AdaptersMap(adapters)
    for oid, found in arrays.items():
        info = TypeInfo(found.name, found.element, oid, delimiter=found.delimiter)
        register_array(info, extended)
    return extended


class Precision:
    """Which columns have numbers that a JSON reader could get wrong, and what to do about them."""

    def __init__(self, oids: Sequence[int], known: KnownTypes) -> None:
        self._wide = [i for i, oid in enumerate(oids) if oid == _INT8]
        self._floats = [i for i, oid in enumerate(oids) if oid in _FLOATS]
        elements = [known[oid].element for oid in oids]
        # An array of a domain over arrays has more arrays in it.
        self._has_arrays = any(
            element == _INT8 or element in _FLOATS or known[element].element
            for element in elements
            if element
        )

    def exact(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return *rows* with text for the numbers that are beyond exact reading."""
        if self._has_arrays or self._any_wide(rows) or self._any_special(rows):
            return [tuple(map(_safe, row)) for row in rows]
        return rows

    def _any_wide(self, rows: Sequence[Row]) -> bool:
        return any(
            not -EXACT_MAX <= value <= EXACT_MAX
            for column in self._wide
            for row in rows
            if isinstance(value := row[column], int)
        )

    def _any_special(self, rows: Sequence[Row]) -> bool:
        return any(
            not math.isfinite(value)
            for column in self._floats
            for row in rows
            if isinstance(value := row[column], float)
        )


def _safe(value: object) -> object:
    if isinstance(value, int):
        return value if -EXACT_MAX <= value <= EXACT_MAX else str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [_safe(element) for element in value]
    return value
