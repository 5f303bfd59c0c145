"""What ends a statement before its time: a deadline, a cancel, or too large a result.

Whichever engine runs it, a server is asked to cancel once, has a moment to say how the statement
ended, and is not waited for after that.
"""

from collections.abc import Callable
from typing import Final, Protocol

from executor.replies import Outcome
from executor.troubles import Troubles
from executor.waiting import Patience, StoppedError
from wire.faults import Fault, FaultCode

INTERRUPT_S: Final = 1.5
"""How long a server may take to obey a cancel before its socket is closed; with it an engine is
given up within the two seconds that the vault allows."""

WIRE_FACTOR: Final = 4
"""How many bytes a row has on the wire for each of its JSON, at most: before its values come four
in MySQL's protocol, and seven in PostgreSQL's."""

STOPPING_MAX_BYTES: Final = 256 << 20
"""What may still come after that from a server that is to cancel: it cannot stop within a row."""

LITTLE_MAX_BYTES: Final = 256 << 10
"""What a server may say while no statement runs: a set-up or a reset takes less than a page."""

NET_MS: Final = 2_000
"""The server's own time limit lies so much above ours: it matters only when we are gone."""

NOT_OF_ITS_TYPE: Final = Fault(
    code=FaultCode.STATEMENT_FAILED,
    message="The result cannot be read: a value is not what its type says",
)


class LostError(Exception):
    """Nothing more is to be expected of the connection, or nothing that can be understood."""


class EnoughError(Exception):
    """What is still to come of a read does not matter."""


class ResultText(Protocol):
    """The JSON of a result, as far as it is written."""

    @property
    def rows(self) -> int:
        """Return how many rows it has."""

    def finish(self) -> bytes:
        """Return all of it."""


class Stopper:
    """Stops one run where it reaches a limit."""

    def __init__(
        self,
        patience: Patience,
        *,
        read_only: bool,
        has_said_more_than: Callable[[int], bool],
        wire_max_bytes: int,
        interrupt: Callable[[], None],
    ) -> None:
        """Have *interrupt* cancel at the database, and *has_said_more_than* count its bytes."""
        self.patience = patience
        self.troubles: Final = Troubles(read_only=read_only)
        self._read_only = read_only
        self._has_said_more_than = has_said_more_than
        self._wire_max_bytes = wire_max_bytes
        self._interrupt = interrupt

    def wait(self, descriptor: int, events: int) -> int:
        """Return what *descriptor* is ready for; stop the statement when that takes too long.

        Raises EnoughError, and LostError when the server does not end it either.
        """
        if not self.troubles.is_stopped and self._has_said_more_than(self._wire_max_bytes):
            self.give_up_on(Fault(code=FaultCode.RESULT_TOO_LARGE))
        elif self._has_said_more_than(self._wire_max_bytes + STOPPING_MAX_BYTES):
            raise LostError
        while True:
            try:
                return self.patience.wait(descriptor, events)
            except StoppedError as error:
                if self.troubles.is_stopped:
                    raise LostError from None
                self.stop(error.code)

    def give_up_on(self, unfit: Fault) -> None:
        """Stop a statement whose result cannot be shown: reads by closing, writes by cancelling."""
        self.troubles.cannot_be_shown(unfit)
        if self._read_only:
            raise EnoughError
        self.stop(unfit.code)

    def stop(self, code: FaultCode) -> None:
        """Have the statement cancelled, once."""
        if self.troubles.stop(code):
            self.cancel()

    def cancel(self) -> None:
        """Cancel at the database; the server then has a moment to say how the statement ended."""
        self.patience = self.patience.grace(INTERRUPT_S)
        self._interrupt()

    def outcome(self, text: ResultText, *, is_reusable: bool) -> Outcome:
        """Return the result of a statement that ran, or why it cannot be shown."""
        if self.troubles.unfit is not None:
            return Outcome(b"", self.troubles.unfit, is_reusable)
        return Outcome(text.finish(), None, is_reusable, text.rows)
