"""One run from its payload to its reply; no driver's error gets any further than this."""

from pathlib import Path
from typing import Final

from executor.adopt.psycopg import Adopter
from executor.borrowing import VaultLink
from executor.dialects import POSTGRESQL
from executor.engines import Checkout, Engines
from executor.loaders import text_adapters
from executor.opening import Opening
from executor.replies import Reply, fault_before_sending, no_run, reply_to
from executor.results import ResultText
from executor.runner import WIRE_FACTOR, StatementRun
from executor.settings import ExecutorSettings
from executor.statements import Statement, read_statement
from executor.waiting import Patience, StoppedError
from wire.faults import RefusedError
from wire.messages import Run


class Executions:
    """Runs statements, each in the thread that asks."""

    def __init__(self, settings: ExecutorSettings, vault: VaultLink) -> None:
        self._settings = settings
        self._vault = vault
        self._adapters: Final = text_adapters()
        opening = Opening(vault, Adopter(Path(settings.adopt_dir)))
        self.engines: Final = Engines(settings.slots, opening.open_one, vault.disposed)

    def execute(self, run: Run, payload: bytes, patience: Patience) -> Reply:
        """Return the reply to *run*, whatever becomes of it."""
        try:
            statement = read_statement(
                payload,
                dialect=POSTGRESQL,
                read_only=run.pool.access == "read-only",
            )
            checkout = self.engines.check_out(run.pool, run.grant, patience)
        except RefusedError as error:
            return no_run(error.fault)
        except StoppedError as error:
            return no_run(fault_before_sending(error.code))
        return self._run(run, statement, checkout)

    def _run(self, run: Run, statement: Statement, checkout: Checkout) -> Reply:
        try:
            outcome = self._statement_run(run, checkout).run(statement)
            return reply_to(outcome, lambda: checkout.give_back(is_reusable=outcome.is_reusable))
        except BaseException:
            checkout.give_back(is_reusable=False)
            raise

    def _statement_run(self, run: Run, checkout: Checkout) -> StatementRun:
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
