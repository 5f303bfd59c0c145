"""What a driver says, made into a fault; nothing else of a driver goes any further.

What a server says about a statement travels: its message, detail, SQLSTATE, hint, and the place in
the client's own text.
"""

from typing import Final

from psycopg.pq import DiagnosticField
from psycopg.pq.abc import PGresult

from executor.parameters import Bound
from wire.faults import Fault, FaultCode

READ_ONLY: Final = "25006"
CANCELED: Final = "57014"

WORDS_MAX_BYTES: Final = 64 << 10
"""What anybody will read; a statement can raise a message that is larger than any frame."""

_ENDED: Final = ("57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04")
"""The server has ended the session: shutdown, crash, a dropped database, its own time limits."""
_CONNECTION_CLASS: Final = "08"
_HINTS: Final = {
    READ_ONLY: "This connection is read-only; use one with read-write access to change data.",
    "42601": "One statement per call, in PostgreSQL's SQL; parameters are written as :name.",
}


def fault_of(result: PGresult, bound: Bound) -> Fault:
    """Return the fault in *result*, an error about *bound*."""
    sqlstate = _field(result, DiagnosticField.SQLSTATE)
    if sqlstate is None or sqlstate in _ENDED or sqlstate.startswith(_CONNECTION_CLASS):
        # Without a SQLSTATE it is libpq that speaks, and only of the connection.
        return Fault(code=FaultCode.CONNECTION_LOST, sqlstate=sqlstate, may_have_run=True)
    return Fault(
        code=FaultCode.STATEMENT_FAILED,
        message=_message(result),
        sqlstate=sqlstate,
        hint=_field(result, DiagnosticField.MESSAGE_HINT) or _HINTS.get(sqlstate),
        position=_position(result, bound),
    )


def _message(result: PGresult) -> str | None:
    primary = _field(result, DiagnosticField.MESSAGE_PRIMARY)
    detail = _field(result, DiagnosticField.MESSAGE_DETAIL)
    return f"{primary}. {detail}" if primary and detail else primary


def _position(result: PGresult, bound: Bound) -> int | None:
    position = _field(result, DiagnosticField.STATEMENT_POSITION)
    return bound.position(int(position)) if position and position.isdecimal() else None


def _field(result: PGresult, field: DiagnosticField) -> str | None:
    value = result.error_field(field)
    if not value:
        return None
    text = value[:WORDS_MAX_BYTES].decode(errors="replace")
    return text if len(value) <= WORDS_MAX_BYTES else f"{text}…"
