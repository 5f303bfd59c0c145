"""One statement on one connection, in a transaction of its own, under limits.

START TRANSACTION, the statement and COMMIT are a round trip each: sent together, a statement would
run without a transaction where that could not be started. A read needs no end: the reset that
follows it ends its transaction. A run that is cancelled or cut short costs the connection.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec.structs import replace

from executor.mysql.command_phase import CHUNK_ROWS, CommandPhase
from executor.mysql.failures import INTERRUPTED, UNDOES_ALL, fault_of
from executor.mysql.lent import MysqlConnection
from executor.mysql.packets import PING, QUERY, Column, ErrPacket, OkPacket
from executor.mysql.results import NotUtf8Error, ResultText
from executor.replies import Outcome
from executor.rows import ResultTooLargeError
from executor.stopping import NOT_OF_ITS_TYPE, EnoughError, LostError, Stopper
from wire.faults import Fault, FaultCode

_NOT_UTF8: Final = Fault(
    code=FaultCode.STATEMENT_FAILED,
    message="The result has text that is not UTF-8; leave character_set_results as it is",
)
_INTERRUPTED: Final = Fault(code=FaultCode.STATEMENT_FAILED)
_START_READING: Final = QUERY + b"START TRANSACTION READ ONLY"
_START: Final = QUERY + b"START TRANSACTION"
_COMMIT: Final = QUERY + b"COMMIT"
_ROLLBACK: Final = QUERY + b"ROLLBACK"


class StatementRun:
    """One statement on its way."""

    def __init__(
        self,
        connection: MysqlConnection,
        text: ResultText,
        *,
        read_only: bool,
        wire_max_bytes: int,
        interrupt: Callable[[], None],
    ) -> None:
        channel = connection.channel
        self._text = text
        self._read_only = read_only
        self._interrupt = interrupt
        before_bytes = channel.received_bytes
        self._stopper = Stopper(
            connection.patience,
            read_only=read_only,
            has_said_more_than=lambda most: channel.received_bytes - before_bytes > most,
            wire_max_bytes=wire_max_bytes,
            interrupt=interrupt,
        )
        self._troubles = self._stopper.troubles
        channel.wait = partial(self._stopper.wait, channel.fileno())
        self._commands = CommandPhase(channel)
        self._is_cancelled = False
        """Whether the server has heard of a cancel, ours or another's, or of its own limit."""
        self._is_all_undone = False
        """Whether the server has undone the whole transaction by itself."""

    def run(self, sql: bytes) -> Outcome:
        """Run *sql* to its end, whatever that is."""
        is_whole = False
        try:
            if self._begin():
                self._execute(sql)
                is_whole = self._end()
        except EnoughError:
            return self._stopper.outcome(self._text, is_reusable=False)
        except LostError:
            return Outcome(b"", self._troubles.when_lost(), is_reusable=False)
        return self._conclude(is_whole=is_whole)

    def _begin(self) -> bool:
        started = self._commands.do(_START_READING if self._read_only else _START)
        if isinstance(started, ErrPacket):
            self._fail(started, replace(fault_of(started), may_have_run=False))
            return False
        if not started.is_in_transaction:
            raise LostError
        return True

    def _execute(self, sql: bytes) -> None:
        self._troubles.sent()
        try:
            self._commands.say(QUERY + sql)
            self._take_results()
        except LostError:
            # It may be the relay alone that died, and a server that is busy does not look whether
            # anybody is there to hear what it finds.
            if not self._troubles.is_stopped:
                self._interrupt()
            raise

    def _take_results(self) -> None:
        while True:
            head = self._commands.head()
            end = self._take_rows(head) if isinstance(head, list) else head
            if isinstance(end, ErrPacket):
                self._fail(end, fault_of(end))
                return
            if not isinstance(head, list):
                self._text.change(end.affected)
            if not end.has_more:
                return

    def _take_rows(self, columns: list[Column]) -> OkPacket | ErrPacket:
        """Take the rows of the first result that has some, and drop those of any other."""
        is_shown = not self._text.has_rows
        if is_shown:
            self._take(lambda: self._text.begin(columns))
        while True:
            # One more than there is room for shows that there are more.
            is_enough = not is_shown or self._text.is_truncated
            most = CHUNK_ROWS if is_enough else self._text.room + 1
            rows, end = self._commands.rows(columns, most)
            if is_shown and self._troubles.unfit is None:
                self._take(partial(self._text.add, rows))
            if end is not None:
                return end
            if is_shown and self._text.is_truncated and self._read_only:
                raise EnoughError

    def _take(self, act: Callable[[], None]) -> None:
        try:
            act()
        except ResultTooLargeError:
            self._give_up_on(Fault(code=FaultCode.RESULT_TOO_LARGE))
        except (NotUtf8Error, UnicodeDecodeError):
            self._give_up_on(_NOT_UTF8)
        except (ValueError, RecursionError):
            self._give_up_on(NOT_OF_ITS_TYPE)

    def _fail(self, failed: ErrPacket, fault: Fault) -> None:
        self._is_cancelled = failed.errno in INTERRUPTED
        self._is_all_undone = failed.errno in UNDOES_ALL
        self._troubles.failed(fault)

    def _end(self) -> bool:
        """End the transaction; return whether the connection may go on."""
        if self._troubles.is_stopped and self._troubles.fault is None:
            # SLEEP and others end early and well when they are told to stop.
            self._is_cancelled = True
            self._troubles.failed(_INTERRUPTED)
        if self._read_only:
            return True
        if self._troubles.fault is not None:
            return self._undo()
        committed = self._commands.do(_COMMIT)
        if isinstance(committed, OkPacket):
            self._troubles.committed()
            return True
        if committed.errno in INTERRUPTED:
            # Some servers wait for others after they have written it down themselves.
            unknown = Fault(code=FaultCode.OUTCOME_UNKNOWN, may_have_run=True)
            self._troubles.refused(unknown)
            return False
        self._fail(committed, fault_of(committed))
        return self._undo()

    def _undo(self) -> bool:
        """Roll back, and note what that cannot undo; return whether it worked."""
        fault = self._troubles.fault
        try:
            before, after = self._commands.do(PING), self._commands.do(_ROLLBACK)
        except LostError:
            return False
        if isinstance(before, ErrPacket) or isinstance(after, ErrPacket):
            return False
        # What ends its transaction by itself has kept something, unless it was the server that
        # undid all. A warning says that a table knows no transactions.
        is_kept = not (before.is_in_transaction or self._is_all_undone) or after.warnings > 0
        if is_kept and fault is not None:
            self._troubles.refused(replace(fault, may_have_run=True))
        return True

    def _give_up_on(self, unfit: Fault) -> None:
        # Of several results the first that cannot be shown counts.
        if self._troubles.unfit is None:
            self._stopper.give_up_on(unfit)

    def _conclude(self, *, is_whole: bool) -> Outcome:
        is_reusable = is_whole and not self._troubles.is_stopped
        if (said := self._troubles.fault) is None:
            return self._stopper.outcome(self._text, is_reusable=is_reusable)
        fault = self._troubles.when_failed(
            said, is_cancelled=self._is_cancelled, is_late=self._stopper.patience.is_over()
        )
        if said.may_have_run and self._is_cancelled:
            fault = replace(fault, may_have_run=True)
        is_reusable = is_reusable and fault.code is not FaultCode.DEADLINE
        return Outcome(b"", fault, is_reusable)
