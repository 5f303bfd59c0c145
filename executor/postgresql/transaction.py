"""The commands around a client's statement: BEGIN, our settings, and the end of the transaction.

A read-only lease is held by BEGIN READ ONLY: the settings are a query, which takes the
transaction's snapshot, and after that nothing can make it READ WRITE. Reads end with ROLLBACK.
In a session that is not the one that we made as new, the settings fail, and nothing runs.
"""

from enum import Enum, auto
from typing import Final

from executor.postgresql.cleaning import CHECK_CLIENT, MARK
from executor.postgresql.pipeline import Command
from executor.stopping import NET_MS

ROLLBACK: Final = Command(b"ROLLBACK")

NO_SUCH_TIME: Final = "22023"
"""The SQLSTATE of our settings where the session has another mark than ours."""

_IS_OURS: Final = b"pg_catalog.current_setting('%b', true) OPERATOR(pg_catalog.=) $2" % MARK
_SETTINGS: Final = (
    b"SELECT pg_catalog.set_config('statement_timeout', "
    b"CASE WHEN " + _IS_OURS + b" THEN $1 ELSE 'another session' END, true)"
)


class RunStage(Enum):
    """What a result is the result of."""

    BEGIN = auto()
    SETTINGS = auto()
    PREPARE = auto()
    DESCRIBE = auto()
    STATEMENT = auto()
    END = auto()


def opening(
    *, read_only: bool, left_s: float, checks_client: bool, mark: bytes
) -> dict[RunStage, Command]:
    """Return what comes before a statement that has so much time left, in the session so marked."""
    limit_ms = int(left_s * 1000) + NET_MS
    check = b", " + CHECK_CLIENT % b"true" if checks_client else b""
    return {
        RunStage.BEGIN: Command(b"BEGIN READ ONLY" if read_only else b"BEGIN"),
        RunStage.SETTINGS: Command(_SETTINGS + check, [b"%d" % limit_ms, mark]),
    }


def ending(*, read_only: bool) -> dict[RunStage, Command]:
    """Return what comes after it."""
    return {RunStage.END: ROLLBACK if read_only else Command(b"COMMIT")}
