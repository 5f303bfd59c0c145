"""What a driver says, made into a fault; nothing else of a driver goes any further.

What a server says about a statement travels: its message, detail, SQLSTATE, hint, and the place in
the client's own text. A parameter has its own name in it, not its number.
"""

import re
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
_STATEMENTS_SEVERITY: Final = "ERROR"
"""Of the connection class too: what a statement says of a connection or a message of its own."""
_UNTYPED: Final = ("42P18", "42P08")
"""No type can be inferred for a parameter, or two can."""
_NUMBERED: Final = re.compile(r"\$([0-9]{1,5})\b")
# The outermost context of a value that is not of its type: "unnamed portal parameter $1", in the
# server's own language, and perhaps the value after it. What stands in quotes is another's.
_BOUND: Final = re.compile(r"^[^\n\"'«„]*\$([0-9]{1,5})(?: = .*)?\Z", re.MULTILINE | re.DOTALL)
_MISBOUND: Final = "08P01"
_UNBOUND: Final = "Write every parameter as :name; no other kind has a value here."
_HINTS: Final = {
    _MISBOUND: "The database takes no parameters in a statement of this kind; write the value out.",
    "42P18": "Say which type the parameter has, as in :name::text.",
    READ_ONLY: "This connection is read-only; use one with read-write access to change data.",
    "42601": "One statement per call, in PostgreSQL's SQL; parameters are written as :name.",
}


def fault_of(result: PGresult, bound: Bound) -> Fault:
    """Return the fault in *result*, an error about *bound*."""
    sqlstate = _field(result, DiagnosticField.SQLSTATE)
    if sqlstate is None or _is_of_the_session(result, sqlstate):
        # Without a SQLSTATE it is libpq that speaks, and only of the connection.
        return Fault(code=FaultCode.CONNECTION_LOST, sqlstate=sqlstate, may_have_run=True)
    return Fault(
        code=FaultCode.STATEMENT_FAILED,
        message=_message(result, sqlstate, bound),
        sqlstate=sqlstate,
        hint=_field(result, DiagnosticField.MESSAGE_HINT) or _hint(sqlstate, bound),
        position=_position(result, bound),
    )


def _hint(sqlstate: str, bound: Bound) -> str | None:
    # With none of ours in it, what lacks a value is a $1. It is not refused beforehand, because the
    # body of CREATE FUNCTION … BEGIN ATOMIC may have it.
    is_unbound = sqlstate == _MISBOUND and not bound.names
    return _UNBOUND if is_unbound else _HINTS.get(sqlstate)


def _is_of_the_session(result: PGresult, sqlstate: str) -> bool:
    if sqlstate in _ENDED:
        return True
    severity = _field(result, DiagnosticField.SEVERITY_NONLOCALIZED)
    return sqlstate.startswith(_CONNECTION_CLASS) and severity != _STATEMENTS_SEVERITY


def _message(result: PGresult, sqlstate: str, bound: Bound) -> str | None:
    primary = _field(result, DiagnosticField.MESSAGE_PRIMARY)
    if not primary:
        return primary
    if sqlstate in _UNTYPED:
        primary = _NUMBERED.sub(lambda found: _name(bound, found) or found[0], primary)
    context = _BOUND.search(_field(result, DiagnosticField.CONTEXT) or "")
    if context is not None and (name := _name(bound, context)) is not None:
        primary = f"{name}: {primary}"
    detail = _field(result, DiagnosticField.MESSAGE_DETAIL)
    return f"{primary}. {detail}" if detail else primary


def _name(bound: Bound, found: re.Match[str]) -> str | None:
    """Return what the client calls the parameter whose number was found."""
    number = int(found[1])
    return f":{bound.names[number - 1]}" if 1 <= number <= len(bound.names) else None


def _position(result: PGresult, bound: Bound) -> int | None:
    position = _field(result, DiagnosticField.STATEMENT_POSITION)
    return bound.position(int(position)) if position and position.isdecimal() else None


def _field(result: PGresult, field: DiagnosticField) -> str | None:
    value = result.error_field(field)
    if not value:
        return None
    text = value[:WORDS_MAX_BYTES].decode(errors="replace")
    return text if len(value) <= WORDS_MAX_BYTES else f"{text}…"
