"""What SQLite says, made into a fault; no path and nothing else of an error goes any further.

What it says about a statement travels: it quotes names and words of the client's own SQL.
"""

import sqlite3
from typing import Final

from wire.faults import Fault, FaultCode

WORDS_MAX: Final = 4096
"""Characters of a message; it may quote a word as long as the statement."""

_PRIMARY: Final = 0xFF
"""An extended result code has the primary one in its low byte."""

_ABOUT_THE_STATEMENT: Final = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_RANGE,
        sqlite3.SQLITE_SCHEMA,
        sqlite3.SQLITE_ABORT,
    }
)
_NEEDS_A_WRITER: Final = frozenset(
    {
        sqlite3.SQLITE_READONLY_RECOVERY,
        sqlite3.SQLITE_READONLY_ROLLBACK,
        sqlite3.SQLITE_READONLY_CANTINIT,
        sqlite3.SQLITE_READONLY_CANTLOCK,
    }
)
_ASK: Final = "Ask the operator to look at the file."
_NO_MEMORY: Final = "The statement needs more memory than statements may have"
_NOT_UTF8: Final = "The result has text that is not UTF-8; cast such values to blob"
_ONE_STATEMENT: Final = "It takes one statement per call."
_UNFINISHED: Final = (
    "The file has a transaction that was never finished, or a log that only somebody who may write "
    "can read; a connection with read-write access mends that"
)
_UNREADABLE: Final = "The database file could not be read or written"
_UNREACHABLE: Final = {
    sqlite3.SQLITE_NOTADB: "The file is not a SQLite database",
    sqlite3.SQLITE_CORRUPT: "The database file is damaged",
}
_FAILED: Final = {
    sqlite3.SQLITE_TOOBIG: "A text or blob is longer than the limit, or the statement is",
    sqlite3.SQLITE_FULL: "The disk is full, or the file has reached its limit",
    sqlite3.SQLITE_READONLY: "The database file cannot be written",
}


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether somebody else has the file locked for the moment."""
    return code_of(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_interrupted(error: sqlite3.Error) -> bool:
    """Return whether we have stopped the statement ourselves."""
    return code_of(error) == sqlite3.SQLITE_INTERRUPT


def is_write_to_read_only(error: sqlite3.Error) -> bool:
    """Return whether a statement would write where only reading is possible."""
    return _extended(error) == sqlite3.SQLITE_READONLY


def code_of(error: sqlite3.Error) -> int | None:
    """Return SQLite's primary result code, None for an error of Python's own module."""
    extended = _extended(error)
    return None if extended is None else extended & _PRIMARY


def fault_of(error: sqlite3.Error | sqlite3.Warning | MemoryError) -> Fault:
    """Return the fault in *error*."""
    if isinstance(error, MemoryError):
        return _failed(_NO_MEMORY)
    if isinstance(error, sqlite3.Warning):
        # Which is how Python 3.11 says that there is a second statement.
        return Fault(code=FaultCode.STATEMENT_REFUSED, message=_ONE_STATEMENT)
    code = code_of(error)
    if code is None:
        return _of_python(error)
    if code in _ABOUT_THE_STATEMENT:
        return _failed(str(error)[:WORDS_MAX])
    return _of_the_file(code, _extended(error))


def _of_python(error: sqlite3.Error) -> Fault:
    if isinstance(error, sqlite3.OperationalError):
        # It quotes the value that is not UTF-8, so its words stay here.
        return _failed(_NOT_UTF8)
    if isinstance(error, sqlite3.ProgrammingError):
        return Fault(code=FaultCode.STATEMENT_REFUSED, message=_ONE_STATEMENT)
    return Fault(code=FaultCode.INTERNAL, may_have_run=False)


def _of_the_file(code: int, extended: int | None) -> Fault:
    if extended in _NEEDS_A_WRITER:
        return _unreachable(_UNFINISHED)
    if code in _FAILED:
        return _failed(_FAILED[code])
    return _unreachable(_UNREACHABLE.get(code, _UNREADABLE))


def _failed(sentence: str) -> Fault:
    return Fault(code=FaultCode.STATEMENT_FAILED, message=sentence)


def _unreachable(sentence: str) -> Fault:
    return Fault(code=FaultCode.DATABASE_UNREACHABLE, message=sentence, hint=_ASK)


def _extended(error: sqlite3.Error) -> int | None:
    # Python's own errors have no code at all.
    found: object = getattr(error, "sqlite_errorcode", None)
    return found if isinstance(found, int) else None
