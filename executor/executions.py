"""One run from its payload to its reply; no driver's error gets any further than this."""

from pathlib import Path
from typing import Final

from psycopg import Error

from executor.adopt.lent import LentConnection
from executor.adopt.psycopg import Adopter
from executor.borrowing import VaultLink
from executor.cleaning import finish_reset, prepare_new, start_reset
from executor.dialects import POSTGRESQL
from executor.engines import Engines, EveryEngine
from executor.loaders import text_adapters
from executor.mysql.executions import OnMysql
from executor.opening import Opening
from executor.pooling import Checkout, Driver
from executor.replies import Ready, Reply, fault_before_sending, no_run, reply_to
from executor.results import ResultText
from executor.runner import StatementRun
from executor.settings import ExecutorSettings
from executor.statements import read_statement
from executor.stopping import WIRE_FACTOR
from executor.waiting import Patience, StoppedError
from wire.faults import Fault, FaultCode, RefusedError
from wire.messages import Run


class Executions:
    """Runs statements, each in the thread that asks."""

    def __init__(self, settings: ExecutorSettings, vault: VaultLink) -> None:
        self.postgresql: Final = OnPostgresql(settings, vault)
        self.mysql: Final = OnMysql(settings, vault)
        every = (self.postgresql.engines, self.mysql.engines)
        self.engines: Final = EveryEngine(every, vault.disposed)

    def execute(self, run: Run, payload: bytes, patience: Patience) -> Reply:
        """Return the reply to *run*, whatever becomes of it."""
        try:
            ready = self._ready(run, payload, patience)
        except RefusedError as error:
            return no_run(error.fault)
        except StoppedError as error:
            return no_run(fault_before_sending(error.code))
        try:
            outcome = ready.run()
            ready.done()
            return reply_to(outcome, lambda: ready.give_back(is_reusable=outcome.is_reusable))
        except BaseException:
            ready.give_back(is_reusable=False)
            raise

    def _ready(self, run: Run, payload: bytes, patience: Patience) -> Ready:
        match run.engine:
            case "postgresql":
                return self.postgresql.ready(run, payload, patience)
            case "mysql":
                return self.mysql.ready(run, payload, patience)
            case _:
                raise RefusedError(Fault(code=FaultCode.INTERNAL))


class OnPostgresql:
    """Statements on PostgreSQL, by psycopg."""

    def __init__(self, settings: ExecutorSettings, vault: VaultLink) -> None:
        self._settings = settings
        self._vault = vault
        self._adapters: Final = text_adapters()
        adopter = Adopter(Path(settings.adopt_dir))
        opening = Opening(vault, adopter.adopt, lambda connection, _: prepare_new(connection))
        driver = Driver(
            url="postgresql+psycopg://",
            options={"use_native_hstore": False},
            kind=LentConnection,
            error=Error,
            open_one=opening.open_one,
            start_reset=start_reset,
            finish_reset=finish_reset,
        )
        self.engines: Final = Engines(settings.slots, driver, vault.disposed)

    def ready(self, run: Run, payload: bytes, patience: Patience) -> Ready:
        """Return the statement in *payload* with a connection; raise RefusedError, StoppedError."""
        statement = read_statement(
            payload,
            dialect=POSTGRESQL,
            read_only=run.pool.access == "read-only",
        )
        checkout = self.engines.check_out(run.pool, run.grant, patience)
        return Ready(
            lambda: self._statement_run(run, checkout).run(statement),
            checkout.done,
            checkout.give_back,
        )

    def _statement_run(self, run: Run, checkout: Checkout[LentConnection]) -> StatementRun:
        limits = self._settings
        handle = checkout.connection.handle
        return StatementRun(
            checkout.connection,
            ResultText(
                self._adapters,
                checkout.connection.types,
                rows_max=limits.rows_max,
                max_bytes=limits.result_max_bytes,
            ),
            read_only=run.pool.access == "read-only",
            wire_max_bytes=limits.result_max_bytes * WIRE_FACTOR,
            interrupt=lambda: self._vault.interrupt(handle),
        )
