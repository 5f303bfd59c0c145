"""How long a slot waits for one run, and what ends it early.

A slot waits for sockets only, and always for its bell beside them: whoever stops a run sets the
reason and rings. Nothing here interrupts anything by force.
"""

import math
import os
import select
import time

from wire.faults import FaultCode


class StoppedError(Exception):
    """The run need not go on; `code` says why."""

    def __init__(self, code: FaultCode) -> None:
        super().__init__(code.value)
        self.code = code


class Bell:
    """Wakes one slot out of its waiting; rung from any thread."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable."""
        return self._descriptor

    def ring(self) -> None:
        """Wake whoever waits."""
        os.eventfd_write(self._descriptor, 1)

    def silence(self) -> None:
        """Wait for the next ring; rings until now count as heard."""
        try:
            os.eventfd_read(self._descriptor)
        except BlockingIOError:
            return


class Patience:
    """The time one run has, on the monotonic clock, and whether somebody has stopped it."""

    def __init__(self, deadline: float, bell: Bell | None = None) -> None:
        self._deadline = deadline
        self._bell = bell
        self._stopped: FaultCode | None = None

    def belongs_to(self, bell: Bell) -> None:
        """Name the slot that waits; a run that was stopped before finds out at its first wait."""
        self._bell = bell

    def stop(self, code: FaultCode) -> None:
        """End the run early; the first reason stays."""
        self._stopped = self._stopped or code
        if self._bell is not None:
            self._bell.ring()

    def left_s(self) -> float:
        """Return the seconds until the deadline, never less than none."""
        return max(0.0, self._deadline - time.monotonic())

    def is_over(self) -> bool:
        """Return whether waiting on makes no sense."""
        return self._stopped is not None or self.left_s() == 0.0

    def check(self) -> None:
        """Raise StoppedError when the run was stopped or its deadline has passed."""
        if self._stopped is not None:
            raise StoppedError(self._stopped)
        if time.monotonic() >= self._deadline:
            raise StoppedError(FaultCode.DEADLINE)

    def wait(self, descriptor: int, events: int = select.POLLIN) -> int:
        """Return what *descriptor* is ready for; raise StoppedError when that takes too long."""
        poll = select.poll()
        poll.register(descriptor, events)
        if self._bell is not None:
            poll.register(self._bell, select.POLLIN)
        while True:
            self.check()
            ready = dict(poll.poll(math.ceil(self.left_s() * 1000)))
            if descriptor in ready:
                return ready[descriptor]
            if ready and self._bell is not None:
                self._bell.silence()

    def pause(self, seconds: float) -> None:
        """Wait a moment where no descriptor tells more; raise StoppedError when the run is over."""
        self.check()
        poll = select.poll()
        if self._bell is not None:
            poll.register(self._bell, select.POLLIN)
        if poll.poll(math.ceil(min(seconds, self.left_s()) * 1000)) and self._bell is not None:
            self._bell.silence()
        self.check()

    def grace(self, seconds: float) -> "Patience":
        """Return the patience to see a stopped run out."""
        return Patience(time.monotonic() + seconds, self._bell)
