"""The commands around a client's statement: BEGIN, our settings, and the end of the transaction.

A read-only lease is held by BEGIN READ ONLY: the settings are a query, which takes the
transaction's snapshot, and after that nothing can make it READ WRITE. Reads end with ROLLBACK.
"""

from enum import Enum, auto
from typing import Final

from executor.cleaning import CHECK_CLIENT
from executor.pipeline import Command

NET_MS: Final = 2_000
"""The server's own time limit lies so much above ours: it matters only when we are gone."""

ROLLBACK: Final = Command(b"ROLLBACK")

_SETTINGS: Final = b"SELECT pg_catalog.set_config('statement_timeout', $1, true)"


class Stage(Enum):
    """What a result is the result of."""

    BEGIN = auto()
    SETTINGS = auto()
    PREPARE = auto()
    DESCRIBE = auto()
    STATEMENT = auto()
    END = auto()


def opening(*, read_only: bool, left_s: float, checks_client: bool) -> dict[Stage, Command]:
    """Return what comes before a statement that has so much time left."""
    limit_ms = int(left_s * 1000) + NET_MS
    check = b", " + CHECK_CLIENT % b"true" if checks_client else b""
    return {
        Stage.BEGIN: Command(b"BEGIN READ ONLY" if read_only else b"BEGIN"),
        Stage.SETTINGS: Command(_SETTINGS + check, [b"%d" % limit_ms]),
    }


def ending(*, read_only: bool) -> dict[Stage, Command]:
    """Return what comes after it."""
    return {Stage.END: ROLLBACK if read_only else Command(b"COMMIT")}
