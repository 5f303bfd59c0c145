"""What went wrong with a run, and which fault that makes; pure."""

from dataclasses import dataclass

from msgspec.structs import replace

from executor.failures import CANCELED
from wire.faults import Fault, FaultCode


@dataclass(kw_only=True)
class Troubles:
    """What is known so far of one run that does not end well."""

    read_only: bool
    fault: Fault | None = None
    """What the server said first."""
    unfit: Fault | None = None
    """Why the result cannot be shown, whatever became of the statement."""
    stopped: FaultCode | None = None
    """Why we had the statement cancelled."""
    is_sent: bool = False
    """Whether the server may have begun with the statement."""
    is_cut_short: bool = False
    """Whether a read was cancelled only because its first rows are enough."""

    def when_lost(self) -> Fault:
        """Return the fault of a run whose connection says no more."""
        if self.fault is not None:
            return self.fault
        if self.stopped is None:
            return Fault(code=FaultCode.CONNECTION_LOST, may_have_run=self.is_sent)
        if self.read_only or not self.is_sent:
            return self._when_stopped(self.stopped)
        return Fault(code=FaultCode.OUTCOME_UNKNOWN, may_have_run=True)

    def when_failed(self, fault: Fault, *, is_late: bool) -> Fault:
        """Return the fault of a run in which the server said *fault*, and the session goes on."""
        if fault.sqlstate != CANCELED:
            return fault
        if self.stopped is not None:
            return self._when_stopped(self.stopped)
        return Fault(code=FaultCode.DEADLINE) if is_late else fault

    def _when_stopped(self, code: FaultCode) -> Fault:
        """Return the fault of a statement that was rolled back because we had it cancelled."""
        if self.unfit is not None:
            return replace(self.unfit, may_have_run=False)
        return Fault(code=code, may_have_run=False)
