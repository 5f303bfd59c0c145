"""What went wrong with a run, and which fault that makes; pure."""

from typing import Final

from msgspec.structs import replace

from wire.faults import Fault, FaultCode

HAS_RUN: Final = (
    "The statement took effect: if it writes, do not send it again, but read with a SELECT."
)
"""Whether a statement wrote, nobody here knows for sure: any function may."""


class Troubles:
    """What is known so far of one run that does not end well."""

    def __init__(self, *, read_only: bool) -> None:
        self._read_only = read_only
        self._fault: Fault | None = None
        self._unfit: Fault | None = None
        self._stopped: FaultCode | None = None
        self._is_sent = False
        self._is_cut_short = False

    @property
    def fault(self) -> Fault | None:
        """Return why the statement failed, if it did."""
        return self._fault

    @property
    def unfit(self) -> Fault | None:
        """Return why the result cannot be shown, whatever became of the statement."""
        return self._unfit

    @property
    def is_stopped(self) -> bool:
        """Return whether we had the statement cancelled."""
        return self._stopped is not None

    @property
    def is_cut_short(self) -> bool:
        """Return whether a read was cancelled only because its first rows are enough."""
        return self._is_cut_short

    def sent(self) -> None:
        """Note that the server may have begun with the statement from now on."""
        self._is_sent = True

    def failed(self, fault: Fault) -> None:
        """Note what the server says; what it said first counts."""
        self._fault = self._fault or fault

    def refused(self, fault: Fault) -> None:
        """Note that we do not go on ourselves, whatever the server has said."""
        self._fault = fault

    def cannot_be_shown(self, fault: Fault) -> None:
        """Note what is wrong with the result."""
        self._unfit = fault

    def stop(self, code: FaultCode) -> bool:
        """Note that we have the statement cancelled; return whether that is news."""
        if self._stopped is not None:
            return False
        self._stopped = code
        return True

    def cut_short(self) -> bool:
        """Note that the first rows of a read are enough; return whether it is to be stopped."""
        self._is_cut_short = True
        return self.stop(FaultCode.RESULT_TOO_LARGE)

    def answered(self) -> None:
        """Note that the server is done; what it says of a cut is its word on our own cancel."""
        if self._is_cut_short:
            self._fault = None

    def committed(self) -> None:
        """Note that the statement ran, though its result may be unfit."""
        if self._unfit is not None:
            self._unfit = self.when_unfit(self._unfit)

    def when_lost(self) -> Fault:
        """Return the fault of a run whose connection says no more."""
        if self._fault is not None:
            return self._fault
        if self._stopped is None:
            return Fault(code=FaultCode.CONNECTION_LOST, may_have_run=self._is_sent)
        if self._read_only or not self._is_sent:
            return self._when_stopped(self._stopped)
        return Fault(code=FaultCode.OUTCOME_UNKNOWN, may_have_run=True)

    def when_unfit(self, unfit: Fault) -> Fault:
        """Return the fault of a run that went well to its end, but for a result that is *unfit*."""
        # A hint to ask for less would have a write sent once more.
        return unfit if self._read_only else replace(unfit, may_have_run=True, hint=HAS_RUN)

    def when_failed(self, fault: Fault, *, is_cancelled: bool, is_late: bool) -> Fault:
        """Return the fault of a run in which the server said *fault*, and the session goes on.

        *is_cancelled*: the server says that it was told to stop, by us or somebody else.
        """
        if not is_cancelled:
            return fault
        if self._stopped is not None:
            return self._when_stopped(self._stopped)
        return Fault(code=FaultCode.DEADLINE) if is_late else fault

    def _when_stopped(self, code: FaultCode) -> Fault:
        """Return the fault of a statement that was rolled back because we had it cancelled."""
        if self._unfit is not None:
            return replace(self._unfit, may_have_run=False)
        return Fault(code=code, may_have_run=False)
