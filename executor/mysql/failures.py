"""What a server of MySQL's protocol says of a statement, made into a fault.

Its message, SQLSTATE and number travel, since an agent needs them to mend its SQL. The numbers are
those of the servers' error references; where the two have one thing under two numbers, both are
here.
"""

from typing import Final

from executor.mysql.packets import ErrPacket
from wire.faults import Fault, FaultCode

WORDS_MAX: Final = 64 << 10
"""Characters that anybody will read."""

INTERRUPTED: Final = frozenset({1317, 1969, 3024})
"""The statement was killed, or ran into the server's own time limit."""

UNDOES_ALL: Final = frozenset({1205, 1213})
"""A deadlock ends the whole transaction, and so may a lock that was waited for too long."""

_SESSION_ENDED: Final = frozenset(
    {1053, 1079, 1080, 1152, 1156, 1157, 1158, 1159, 1160, 1161, 1184, 1927, 3169, 4031}
)
"""Shutdown, a killed or an idle session, and what the network did to it."""

_UNSPECIFIC: Final = "HY000"
_HINTS: Final = {
    1064: "One statement per call, in the server's own SQL; parameters are written as :name.",
    1792: "This connection is read-only; use one with read-write access to change data.",
}


def fault_of(failed: ErrPacket) -> Fault:
    """Return the fault in what the server says."""
    if failed.errno in _SESSION_ENDED:
        code = FaultCode.CONNECTION_LOST
        return Fault(code=code, sqlstate=failed.sqlstate, may_have_run=True)
    return Fault(
        code=FaultCode.STATEMENT_FAILED,
        message=_shortened(failed.message) or None,
        sqlstate=failed.sqlstate,
        hint=_HINTS.get(failed.errno) or _number(failed),
    )


def _number(failed: ErrPacket) -> str | None:
    """Return the error's number where its SQLSTATE says nothing."""
    return f"The server's error {failed.errno}." if failed.sqlstate == _UNSPECIFIC else None


def _shortened(message: str) -> str:
    return message if len(message) <= WORDS_MAX else f"{message[:WORDS_MAX]}…"
