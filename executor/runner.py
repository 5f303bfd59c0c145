"""One statement on one connection, under limits.

BEGIN, our settings, the client's statement and the end of the transaction go out as one group and
cost one round trip. A read-only lease is held by BEGIN READ ONLY: the settings are a query, which
takes the transaction's snapshot, and after that nothing can make it READ WRITE. Reads end with
ROLLBACK. A statement that is cancelled, cut short or not understood costs the connection.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Final, NamedTuple

from msgspec.structs import replace
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from executor.adopt.lent import LentConnection
from executor.cleaning import CHECK_CLIENT
from executor.failures import CANCELED, fault_of
from executor.meter import Meter
from executor.parameters import Bound
from executor.pipeline import Command, LostError, Pipeline
from executor.results import ResultText, ResultTooLargeError
from executor.statements import Statement
from executor.waiting import StoppedError
from wire.faults import Fault, FaultCode

INTERRUPT_S: Final = 1.5
"""How long a server may take to obey a cancel before its socket is closed; with it an engine is
given up within the two seconds that the vault allows."""

NET_MS: Final = 2_000
"""The server's own time limit lies so much above ours: it matters only when we are gone."""

WIRE_FACTOR: Final = 4
"""How many bytes a row has on the wire for each of its JSON, at most: it begins with seven."""

STOPPING_MAX_BYTES: Final = 256 << 20
"""What may still come after that from a server that is to cancel: it cannot stop within a row."""

_SETTINGS: Final = b"SELECT pg_catalog.set_config('statement_timeout', $1, true)"
_NOT_UTF8: Final = Fault(
    code=FaultCode.STATEMENT_FAILED,
    message="The result has text that is not UTF-8; leave client_encoding as it is",
)
_COPYING: Final = (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)


class Outcome(NamedTuple):
    """How a run ended: the JSON of its result, or a fault."""

    result: bytes
    fault: Fault | None
    is_reusable: bool
    """Whether the connection may serve another run, once it is reset."""


class _Stage(Enum):
    BEGIN = auto()
    SETTINGS = auto()
    STATEMENT = auto()
    END = auto()


class _EnoughError(Exception):
    """What is still to come of a read does not matter."""


class StatementRun:
    """One statement on its way."""

    def __init__(
        self,
        connection: LentConnection,
        text: ResultText,
        *,
        read_only: bool,
        wire_max_bytes: int,
        interrupt: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._patience = connection.patience
        self._descriptor = connection.pgconn.socket
        self._text = text
        self._read_only = read_only
        self._wire_max_bytes = wire_max_bytes
        self._interrupt = interrupt
        self._meter = Meter(self._descriptor)
        self._pipeline = Pipeline(connection, self._wait)
        self._stopped: FaultCode | None = None
        self._fault: Fault | None = None
        self._unfit: Fault | None = None
        """Why the result cannot be shown, whatever became of the statement."""

    def run(self, statement: Statement) -> Outcome:
        """Run *statement* to its end, whatever that is."""
        try:
            self._pipeline.send(self._commands(statement))
            for stage in _Stage:
                self._take_stage(stage, statement.bound)
            self._pipeline.end_group()
        except _EnoughError:
            return self._shown(is_reusable=False)
        except LostError:
            return Outcome(b"", self._fault_when_lost(), is_reusable=False)
        return self._conclude()

    def _commands(self, statement: Statement) -> list[Command]:
        limit_ms = int(self._patience.left_s() * 1000) + NET_MS
        check = b", " + CHECK_CLIENT % b"true" if self._connection.checks_client else b""
        return [
            Command(b"BEGIN READ ONLY" if self._read_only else b"BEGIN"),
            Command(_SETTINGS + check, [b"%d" % limit_ms]),
            Command(statement.bound.sql.encode(), statement.values),
            Command(b"ROLLBACK" if self._read_only else b"COMMIT"),
        ]

    def _take_stage(self, stage: _Stage, bound: Bound) -> None:
        if stage is _Stage.STATEMENT and self._fault is None:
            self._pipeline.in_chunks()
        for result in self._pipeline.results():
            if result.status == ExecStatus.FATAL_ERROR:
                self._fail(fault_of(result, bound), stage)
            elif result.status in _COPYING:
                self._fault = Fault(code=FaultCode.STATEMENT_REFUSED, may_have_run=False)
                raise LostError
            elif stage is _Stage.STATEMENT and self._fault is None:
                self._take(result)

    def _fail(self, fault: Fault, stage: _Stage) -> None:
        if stage is _Stage.BEGIN and fault.sqlstate is not None:
            # The server's own word, and after it the rest of the group is skipped.
            fault = replace(fault, may_have_run=False)
        self._fault = self._fault or fault

    def _take(self, result: PGresult) -> None:
        if self._unfit is not None:
            return
        try:
            self._text.add(result)
        except ResultTooLargeError:
            self._give_up_on(Fault(code=FaultCode.RESULT_TOO_LARGE))
        except UnicodeDecodeError:
            self._give_up_on(_NOT_UTF8)
        if self._text.is_truncated and self._read_only:
            raise _EnoughError

    def _give_up_on(self, unfit: Fault) -> None:
        """Stop a statement whose result cannot be shown: reads by closing, writes by cancelling."""
        self._unfit = unfit
        if self._read_only:
            raise _EnoughError
        self._stop(unfit.code)

    def _wait(self, events: int) -> int:
        if self._stopped is None and self._meter.exceeds(self._wire_max_bytes):
            self._give_up_on(Fault(code=FaultCode.RESULT_TOO_LARGE))
        elif self._meter.exceeds(self._wire_max_bytes + STOPPING_MAX_BYTES):
            raise LostError
        while True:
            try:
                return self._patience.wait(self._descriptor, events)
            except StoppedError as error:
                if self._stopped is not None:
                    raise LostError from None
                self._stop(error.code)

    def _stop(self, code: FaultCode) -> None:
        """Cancel at the database; the server then has a moment to say how the statement ended."""
        if self._stopped is None:
            self._stopped = code
            self._patience = self._patience.grace(INTERRUPT_S)
            self._interrupt()

    def _conclude(self) -> Outcome:
        if self._fault is not None:
            return self._failed(self._fault)
        is_utf8 = self._connection.pgconn.parameter_status(b"client_encoding") == b"UTF8"
        if not is_utf8:
            # What was read may be valid and wrong: bytes of another encoding are often UTF-8 too.
            self._unfit = self._unfit or _NOT_UTF8
        if self._unfit is not None:
            self._unfit = replace(self._unfit, may_have_run=True)
        return self._shown(is_reusable=self._stopped is None and is_utf8)

    def _failed(self, fault: Fault) -> Outcome:
        if fault.sqlstate == CANCELED and self._stopped is not None:
            return Outcome(b"", self._fault_when_stopped(self._stopped), is_reusable=False)
        if fault.sqlstate == CANCELED and self._patience.is_over():
            return Outcome(b"", Fault(code=FaultCode.DEADLINE), is_reusable=False)
        return Outcome(b"", fault, is_reusable=self._stopped is None)

    def _shown(self, *, is_reusable: bool) -> Outcome:
        if self._unfit is not None:
            return Outcome(b"", self._unfit, is_reusable)
        return Outcome(self._text.finish(), None, is_reusable)

    def _fault_when_stopped(self, code: FaultCode) -> Fault:
        """Return the fault of a statement that was rolled back because we had it cancelled."""
        if self._unfit is not None:
            return replace(self._unfit, may_have_run=False)
        return Fault(code=code, may_have_run=False)

    def _fault_when_lost(self) -> Fault:
        if self._fault is not None:
            return self._fault
        if self._stopped is None:
            return Fault(code=FaultCode.CONNECTION_LOST, may_have_run=True)
        if self._read_only:
            return self._fault_when_stopped(self._stopped)
        return Fault(code=FaultCode.OUTCOME_UNKNOWN, may_have_run=True)
