"""Open a configured file: the right one, as much as its lease may, with everything else closed.

The path is looked at before each opening, and what it names is looked at again before each use, so
that a file that was put in another's place is noticed. That is for clear sentences; what holds
against a path that changes in between is the kernel (Landlock: no other directory).
"""

import os
import sqlite3
import stat
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from executor.sqlite.authorizer import Authorizer
from executor.waiting import Patience
from wire.faults import Fault, FaultCode, RefusedError
from wire.names import PARAMETERS_MAX, STATEMENT_MAX_BYTES

VALUE_MAX_BYTES: Final = 32 << 20
"""One text or blob, shown or only computed with."""
HEAP_MAX_BYTES: Final = 512 << 20
"""What SQLite may have in this process, all statements together."""
STEPS_BETWEEN: Final = 10_000
"""Steps of SQLite's machine until a statement looks whether it should stop: about 0.2 ms."""

_LIMITS: Final = (
    (sqlite3.SQLITE_LIMIT_LENGTH, VALUE_MAX_BYTES),
    # A parameter may be longer in SQLite's way of writing it.
    (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 2 * STATEMENT_MAX_BYTES),
    (sqlite3.SQLITE_LIMIT_COLUMN, 2000),
    (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 1000),
    (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 500),
    (sqlite3.SQLITE_LIMIT_VDBE_OP, 5_000_000),
    (sqlite3.SQLITE_LIMIT_FUNCTION_ARG, 100),
    (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
    (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 5_000),
    (sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, PARAMETERS_MAX),
    (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 100),
    (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
)
_SETTINGS: Final = (
    f"PRAGMA hard_heap_limit={HEAP_MAX_BYTES}",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA temp_store=MEMORY",
)
_ASK: Final = "Ask the operator to look at the file and at the configuration."


class Identity(NamedTuple):
    """Which file a path names, whatever its name."""

    device: int
    number: int


class FileConnection(sqlite3.Connection):
    """SQLite's connection to one file, and what we know of it."""

    identity: Identity
    authorizer: Authorizer
    patience: Patience

    def is_over(self) -> bool:
        """Return whether what runs should stop."""
        return self.patience.is_over()

    def ours(self, statement: str) -> sqlite3.Cursor:
        """Run a statement of ours."""
        self.authorizer.is_ours = True
        try:
            return self.execute(statement)
        finally:
            self.authorizer.is_ours = False


def open_file(
    path: Path, *, roots: tuple[Path, ...], read_only: bool, patience: Patience
) -> FileConnection:
    """Return a new connection; raise RefusedError where the path is not what it should be."""
    identity = identify(path, roots)
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"file:{quote(os.fspath(path))}?mode={mode}",
        uri=True,
        timeout=0,  # we wait ourselves, as long as the run may
        isolation_level=None,
        check_same_thread=False,
        # A prepared statement that is kept would get past the authorizer.
        cached_statements=0,
        factory=FileConnection,
    )
    try:
        _fence(connection, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    connection.identity = identity
    connection.patience = patience
    return connection


def identify(path: Path, roots: tuple[Path, ...]) -> Identity:
    """Return what *path* names; raise RefusedError if it is no file inside of *roots*."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise _unfit("The database file does not exist") from None
    except OSError:
        raise _unfit("The database file cannot be looked at") from None
    if not any(root in path.parents for root in roots) or path.resolve() != path:
        raise _unfit("The database file is not where the operator allows files")
    if not stat.S_ISREG(found.st_mode):
        raise _unfit("The database file is no regular file")
    return Identity(found.st_dev, found.st_ino)


def _fence(connection: FileConnection, *, read_only: bool) -> None:
    for limit, value in _LIMITS:
        connection.setlimit(limit, value)
    for setting in _SETTINGS:
        connection.execute(setting)
    if read_only:
        connection.execute("PRAGMA query_only=ON")
    connection.authorizer = Authorizer(read_only=read_only)
    connection.set_authorizer(connection.authorizer)
    # It runs in the thread of the statement, between two of its steps.
    connection.set_progress_handler(connection.is_over, STEPS_BETWEEN)


def _unfit(sentence: str) -> RefusedError:
    return RefusedError(Fault(code=FaultCode.DATABASE_UNREACHABLE, message=sentence, hint=_ASK))
