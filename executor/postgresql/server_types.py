"""The server's types: what they are called, and which of them are arrays of what.

Those that come with PostgreSQL are known by their numbers. Of all others a session is asked once
(enums, domains, composites, what extensions bring; `lookup.py`), and its connection keeps the
answer. Pure.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from psycopg import postgres
from psycopg.types import TypeInfo

BUILT_IN_MAX: Final = 1_024

LEARNED_MAX: Final = 1_000
"""Types that one connection remembers; a client can make any number of them."""

_JSON: Final = frozenset({114, 3802})  # json, jsonb
_TEXTS: Final = frozenset({18, 19, 25, 1042, 1043})  # "char", name, text, bpchar, varchar


class ServerType(NamedTuple):
    """One type, as far as values on their way in and out depend on it."""

    name: str
    """As the server writes it."""
    element: int = 0
    """The number of the type that an array holds; 0 for what is no array."""
    delimiter: str = ","
    """What stands between two elements."""
    takes_json: bool = True
    """Whether the text of a JSON array may be a value, as far as we know."""

    @property
    def holds_json(self) -> bool:
        """Return whether it is an array of JSON values, which may be arrays themselves."""
        return self.element in _JSON


@lru_cache(BUILT_IN_MAX)
def built_in(oid: int) -> ServerType | None:
    """Return the type with this number if it comes with PostgreSQL and is well known."""
    info = postgres.types.get(oid)
    if info is None:
        return None
    if info.oid != oid:
        return ServerType(f"{info.regtype}[]", info.oid, info.delimiter)
    # A range is written like a JSON array of two numbers.
    takes_json = oid in _JSON | _TEXTS or type(info) is not TypeInfo
    return ServerType(info.regtype, takes_json=takes_json)


class KnownTypes:
    """All that one connection knows: what is built in, and what its server was asked about."""

    def __init__(self) -> None:
        self._learned: dict[int, ServerType] = {}

    def __getitem__(self, oid: int) -> ServerType:
        """Return the type with this number; one that nobody knows has it for a name."""
        return built_in(oid) or self._learned.get(oid) or ServerType(f"oid {oid}")

    def learn(self, oid: int, kind: ServerType) -> None:
        """Remember what the server has said."""
        if len(self._learned) >= LEARNED_MAX:
            self._learned.clear()
        self._learned[oid] = kind

    def learned(self, oids: Iterable[int]) -> dict[int, ServerType]:
        """Return those that the server was asked about."""
        return {oid: kind for oid in oids if (kind := self._learned.get(oid)) is not None}

    def unknown(self, oids: Iterable[int]) -> frozenset[int]:
        """Return those that it has to be asked about."""
        return frozenset(oid for oid in oids if built_in(oid) is None and oid not in self._learned)
