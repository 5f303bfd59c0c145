"""What a slot has to say about its run, whichever engine ran it."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from wire.faults import Fault, FaultCode
from wire.results import failure, tool_result


class Outcome(NamedTuple):
    """How a statement ended: the JSON of its result, or a fault."""

    result: bytes
    fault: Fault | None
    is_reusable: bool
    """Whether the connection may serve another run, once it is reset."""
    rows: int = 0


class GiveBack(Protocol):
    """The end of a connection's use."""

    def __call__(self, *, is_reusable: bool) -> None:
        """Have the connection reset, or closed."""


class Ready(NamedTuple):
    """A statement and its connection: run it once, then give the connection back."""

    run: Callable[[], Outcome]
    done: Callable[[], None]
    """Called when it has run, before anybody hears of it."""
    give_back: GiveBack


class Reply(NamedTuple):
    """The CallToolResult of a run, and what is left to do once it is on its way."""

    payload: bytes
    afterwards: Callable[[], None]
    rows: int = 0
    failed: FaultCode | None = None


def _nothing() -> None:
    return


def reply_to(outcome: Outcome, afterwards: Callable[[], None] = _nothing) -> Reply:
    """Return the reply to a run whose statement ended so."""
    fault = outcome.fault
    payload = tool_result(outcome.result) if fault is None else failure(fault)
    failed = None if fault is None else fault.code
    return Reply(payload, afterwards, rows=outcome.rows, failed=failed)


def no_run(fault: Fault) -> Reply:
    """Return the reply to a run that ended before its statement was sent, or in a bug of ours."""
    return Reply(failure(fault), _nothing, failed=fault.code)


def fault_before_sending(code: FaultCode) -> Fault:
    """Return the fault of a run that was stopped while it waited for a connection."""
    # Nothing was sent, so nothing was cancelled: the deadline says no more than "too late".
    return Fault(code=FaultCode.UNAVAILABLE if code is FaultCode.DEADLINE else code)
