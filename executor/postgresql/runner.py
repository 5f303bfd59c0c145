"""One statement on one connection, under limits.

BEGIN, our settings, the statement and the end of the transaction go out as one group: one round
trip. An array among the values costs another before, to learn the types that the server infers, and
a type that nobody knows yet one after. A run that is cancelled or cut short costs the connection.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from msgspec.structs import replace
from psycopg import Error
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from executor.parameters import Bound, JsonArray
from executor.postgresql.arrays import written
from executor.postgresql.failures import CANCELED, fault_of
from executor.postgresql.lent import LentConnection
from executor.postgresql.lookup import look_up, look_up_afterwards
from executor.postgresql.meter import Meter
from executor.postgresql.pipeline import Command, Describe, Pipeline, Prepare, Step
from executor.postgresql.results import ResultText
from executor.postgresql.transaction import NO_SUCH_TIME, ROLLBACK, RunStage, ending, opening
from executor.replies import Outcome
from executor.rows import ResultTooLargeError
from executor.statements import Statement
from executor.stopping import NOT_OF_ITS_TYPE, EnoughError, LostError, Stopper
from wire.faults import Fault, FaultCode, RefusedError

_NOT_UTF8: Final = Fault(
    code=FaultCode.STATEMENT_FAILED,
    message="The result has text that is not UTF-8; leave client_encoding as it is",
)
_ANOTHERS: Final = Fault(
    code=FaultCode.STATEMENT_REFUSED,
    message="A pooler before the server gives each transaction another session, and nothing ran",
    hint="The operator has the pooler keep a session for each client (pool_mode = session).",
    may_have_run=False,
)
_COPYING: Final = (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)


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
        self._text = text
        self._read_only = read_only
        descriptor = connection.pgconn.socket
        self._stopper = Stopper(
            connection.patience,
            read_only=read_only,
            has_said_more_than=Meter(descriptor).exceeds,
            wire_max_bytes=wire_max_bytes,
            interrupt=interrupt,
        )
        self._troubles = self._stopper.troubles
        self._pipeline = Pipeline(connection, partial(self._stopper.wait, descriptor))
        self._parameter_types: list[int] = []

    def run(self, statement: Statement) -> Outcome:
        """Run *statement* to its end, whatever that is."""
        is_whole = False
        try:
            self._execute(statement)
            is_whole = self._settle()
        except EnoughError:
            return self._stopper.outcome(self._text, is_reusable=False)
        except LostError:
            if not self._troubles.is_cut_short:
                return Outcome(b"", self._troubles.when_lost(), is_reusable=False)
            self._write(self._text.settle)
        return self._conclude(is_whole=is_whole)

    def _execute(self, statement: Statement) -> None:
        sql = statement.bound.sql.encode()
        steps: dict[RunStage, Step] = {
            **opening(
                read_only=self._read_only,
                left_s=self._stopper.patience.left_s(),
                checks_client=self._connection.checks_client,
                mark=self._connection.mark,
            )
        }
        values = [value for value in statement.values if not isinstance(value, JsonArray)]
        if len(values) < len(statement.values):
            steps |= {RunStage.PREPARE: Prepare(sql), RunStage.DESCRIBE: Describe()}
            self._exchange(steps, statement.bound)
            values = self._written(statement)
            steps = {}
        if self._troubles.fault is None:
            self._troubles.sent()
            steps |= {RunStage.STATEMENT: Command(sql, values), **ending(read_only=self._read_only)}
            self._exchange(steps, statement.bound)

    def _written(self, statement: Statement) -> list[bytes | None]:
        """Return the values as text, by the types that the server has inferred."""
        if self._troubles.fault is not None:
            return []
        known = self._connection.types
        if asked := known.unknown(self._parameter_types):
            look_up(self._pipeline, asked, known)
        types = [known[oid] for oid in self._parameter_types]
        try:
            return written(statement.bound, statement.values, types)
        except RefusedError as error:
            self._exchange({RunStage.END: ROLLBACK}, statement.bound)
            self._troubles.refused(error.fault)
            return []

    def _exchange(self, steps: Mapping[RunStage, Step], bound: Bound) -> None:
        self._pipeline.send(list(steps.values()))
        for stage in steps:
            self._take_stage(stage, bound)
        self._pipeline.end_group()

    def _take_stage(self, stage: RunStage, bound: Bound) -> None:
        if stage is RunStage.STATEMENT and self._troubles.fault is None:
            self._pipeline.in_chunks()
        for result in self._pipeline.results():
            if result.status == ExecStatus.FATAL_ERROR:
                self._fail(fault_of(result, bound), stage)
            elif result.status in _COPYING:
                fault = Fault(code=FaultCode.STATEMENT_REFUSED, may_have_run=False)
                self._troubles.refused(fault)
                raise LostError
            elif stage is RunStage.DESCRIBE:
                self._parameter_types = [result.param_type(i) for i in range(result.nparams)]
            elif stage is RunStage.STATEMENT and self._troubles.fault is None:
                self._take(result)

    def _fail(self, fault: Fault, stage: RunStage) -> None:
        if stage is RunStage.SETTINGS and fault.sqlstate == NO_SUCH_TIME:
            self._troubles.refused(_ANOTHERS)
            raise LostError
        if stage is RunStage.BEGIN and fault.sqlstate is not None:
            # The server's own word, and after it the rest of the group is skipped.
            fault = replace(fault, may_have_run=False)
        self._troubles.failed(fault)

    def _take(self, result: PGresult) -> None:
        if self._troubles.unfit is not None:
            return
        if unfit := self._write(lambda: self._text.add(result)):
            self._stopper.give_up_on(unfit)
        elif self._text.is_truncated and self._read_only:
            if not self._text.unknown:
                raise EnoughError
            # What the first rows are is still to be asked, and a session answers in order.
            if self._troubles.cut_short():
                self._stopper.cancel()

    def _write(self, add: Callable[[], None]) -> Fault | None:
        try:
            add()
        except ResultTooLargeError:
            self._troubles.cannot_be_shown(Fault(code=FaultCode.RESULT_TOO_LARGE))
        except UnicodeDecodeError:
            self._troubles.cannot_be_shown(_NOT_UTF8)
        except (Error, ValueError, RecursionError):
            self._troubles.cannot_be_shown(NOT_OF_ITS_TYPE)
        return self._troubles.unfit

    def _settle(self) -> bool:
        """Write the rows whose types nobody knew; return whether the connection is as before."""
        self._troubles.answered()
        asked = self._text.unknown
        if self._troubles.fault or self._troubles.unfit or not asked:
            return True
        is_whole = True
        try:
            look_up_afterwards(self._pipeline, asked, self._connection.types)
        except (LostError, EnoughError):
            # The statement has ended all the same, and its rows are here.
            is_whole = False
        self._write(self._text.settle)
        return is_whole

    def _conclude(self, *, is_whole: bool) -> Outcome:
        is_reusable = is_whole and not self._troubles.is_stopped
        if (said := self._troubles.fault) is not None:
            fault = self._troubles.when_failed(
                said,
                is_cancelled=said.sqlstate == CANCELED,
                is_late=self._stopper.patience.is_over(),
            )
            is_reusable = is_reusable and fault.code is not FaultCode.DEADLINE
            return Outcome(b"", fault, is_reusable)
        is_utf8 = self._connection.pgconn.parameter_status(b"client_encoding") == b"UTF8"
        if not is_utf8:
            # What was read may be valid and wrong: bytes of another encoding are often UTF-8 too.
            self._troubles.cannot_be_shown(self._troubles.unfit or _NOT_UTF8)
        self._troubles.committed()
        return self._stopper.outcome(self._text, is_reusable=is_reusable and is_utf8)
