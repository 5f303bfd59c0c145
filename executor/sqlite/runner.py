"""One statement on one file, in a transaction of its own, within its time.

What may write takes the file's one write lock before it begins, so that it either waits or works,
and never fails halfway because somebody else was faster. Waiting is ours and not SQLite's: it ends
with the run's deadline, and when somebody cancels. Nothing is kept of a statement that was stopped.
"""

import sqlite3
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from executor.guard_words import spelled
from executor.replies import Outcome
from executor.rows import ResultTooLargeError
from executor.sqlite.failures import (
    code_of,
    fault_of,
    is_busy,
    is_interrupted,
    is_write_to_read_only,
)
from executor.sqlite.opening import FileConnection
from executor.sqlite.results import ResultText
from executor.sqlite.values import SqliteValue
from executor.waiting import StoppedError
from wire.faults import SENTENCES, Fault, FaultCode

T = TypeVar("T")

_PAUSES_S: Final = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.025)
"""Between two looks at a locked file, as SQLite has them itself; the last one goes on."""

_WRITING_WORDS: Final = frozenset(
    {"insert", "update", "delete", "replace", "create", "drop", "alter", "reindex", "analyze"}
    | {"user_version", "application_id"}
)
_SOUND: Final = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_ABORT,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_TOOBIG,
    }
)
"""After these a connection is as good as before."""

_LOOK: Final = "SELECT count(*) FROM sqlite_schema"
_NOT_ALLOWED: Final = (
    "Other files, extensions and settings of SQLite are the operator's, and nothing temporary "
    "outlives its statement here."
)
_LOCKED: Final = "The database file was locked by others until the statement's time was over"
_TRY_LATER: Final = "Nothing was changed; send the statement again."


class Limits(NamedTuple):
    """How much of a result is shown."""

    rows_max: int
    max_bytes: int


def may_write(statement: str) -> bool:
    """Return whether *statement* has a word that everything that writes has; too often, never less.

    SQLite writes by its verbs alone, and a verb is a bare word.
    """
    return not _WRITING_WORDS.isdisjoint(spelled(statement))


class StatementRun:
    """One statement on its way."""

    def __init__(self, connection: FileConnection, limits: Limits, *, read_only: bool) -> None:
        self._connection = connection
        self._patience = connection.patience
        self._limits = limits
        self._read_only = read_only
        self._is_waiting = False
        """Whether the file is locked by somebody else."""

    def look(self) -> Outcome:
        """Find out whether the file can be read at all."""
        return self._conclude(lambda: self._insist(self._read_schema), is_ours=True)

    def run(self, sql: str, values: list[SqliteValue]) -> Outcome:
        """Run a statement to its end, whatever that is."""
        begin = "BEGIN IMMEDIATE" if not self._read_only and may_write(sql) else "BEGIN"
        self._connection.authorizer.has_refused = False
        return self._conclude(lambda: self._to_the_end(begin, sql, values), is_ours=False)

    def _read_schema(self) -> ResultText:
        self._connection.ours(_LOOK).fetchall()
        return ResultText(*self._limits)

    def _to_the_end(self, begin: str, sql: str, values: list[SqliteValue]) -> ResultText:
        text = self._insist(lambda: self._attempt(begin, sql, values))
        self._insist(lambda: self._connection.ours("COMMIT"))
        return text

    def _attempt(self, begin: str, sql: str, values: list[SqliteValue]) -> ResultText:
        """Run it once; if the file is locked, leave nothing behind."""
        try:
            self._connection.ours(begin)
            changes_before = self._connection.total_changes
            cursor = self._connection.execute(sql, values)
            try:
                return self._taken(cursor, changes_before)
            finally:
                cursor.close()
        except sqlite3.Error as error:
            if is_busy(error):
                self._roll_back()
            raise

    def _taken(self, cursor: sqlite3.Cursor, changes_before: int) -> ResultText:
        text = ResultText(*self._limits)
        if cursor.description is not None:
            text.take_rows([column[0] for column in cursor.description], cursor)
        elif self._connection.total_changes != changes_before:
            # The cursor does not know it of a statement that begins with WITH.
            (affected,) = self._connection.ours("SELECT changes()").fetchone()
            text.take_change(affected)
        return text

    def _insist(self, act: Callable[[], T]) -> T:
        """Do *act* once nobody has the file locked; raise StoppedError when that is too late."""
        tries = 0
        while True:
            try:
                return act()
            except sqlite3.Error as error:
                if not is_busy(error):
                    raise
            self._is_waiting = True
            self._patience.pause(_PAUSES_S[min(tries, len(_PAUSES_S) - 1)])
            self._is_waiting = False
            tries += 1

    def _conclude(self, act: Callable[[], ResultText], *, is_ours: bool) -> Outcome:
        try:
            text = act()
        except StoppedError as error:
            return self._ended(self._stopped(error.code))
        except ResultTooLargeError:
            return self._ended(Fault(code=FaultCode.RESULT_TOO_LARGE, may_have_run=False))
        except MemoryError as error:
            return self._ended(fault_of(error), is_sound=False)
        except (sqlite3.Error, sqlite3.Warning) as error:
            return self._failed(error, is_ours=is_ours)
        return Outcome(text.finish(), None, is_reusable=True, rows=text.rows)

    def _failed(self, error: sqlite3.Error | sqlite3.Warning, *, is_ours: bool) -> Outcome:
        if isinstance(error, sqlite3.Warning):
            return self._ended(fault_of(error))
        is_sound = not is_ours and code_of(error) in _SOUND | {None}
        if is_interrupted(error):
            return self._ended(self._interrupted(), is_sound=is_sound)
        return self._ended(self._refused(error) or fault_of(error), is_sound=is_sound)

    def _refused(self, error: sqlite3.Error) -> Fault | None:
        """Return the fault for what one of our own fences has stopped."""
        has_refused = self._connection.authorizer.has_refused
        if self._read_only and (has_refused or is_write_to_read_only(error)):
            sentence = f"{SENTENCES[FaultCode.READ_ONLY]}: only what reads can run"
            return Fault(code=FaultCode.READ_ONLY, message=sentence)
        if has_refused:
            return Fault(code=FaultCode.STATEMENT_REFUSED, message=_NOT_ALLOWED)
        return None

    def _interrupted(self) -> Fault:
        try:
            self._patience.check()
        except StoppedError as error:
            return self._stopped(error.code)
        return Fault(code=FaultCode.CANCELLED, may_have_run=False)

    def _stopped(self, code: FaultCode) -> Fault:
        if code is FaultCode.DEADLINE and self._is_waiting:
            return Fault(code=code, message=_LOCKED, hint=_TRY_LATER, may_have_run=False)
        return Fault(code=code, may_have_run=False)

    def _ended(self, fault: Fault, *, is_sound: bool = True) -> Outcome:
        return Outcome(b"", fault, is_reusable=self._roll_back() and is_sound)

    def _roll_back(self) -> bool:
        """Undo what was begun; return whether that worked."""
        try:
            if self._connection.in_transaction:
                self._connection.ours("ROLLBACK")
        except (sqlite3.Error, MemoryError):
            # Closing it undoes the rest; a journal on disk is played back by whoever opens next.
            return False
        return not self._connection.in_transaction
