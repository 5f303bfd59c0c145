"""Statements on PostgreSQL, by psycopg."""

from pathlib import Path
from typing import Final

from psycopg import Error

from executor.borrowing import VaultLink
from executor.dialects import POSTGRESQL
from executor.engines import Engines
from executor.opening import Opening
from executor.pooling import Checkout, Driver
from executor.postgresql.adoption import Adopter
from executor.postgresql.cleaning import finish_reset, prepare_new, start_reset
from executor.postgresql.lent import LentConnection
from executor.postgresql.loaders import text_adapters
from executor.postgresql.results import ResultText
from executor.postgresql.runner import StatementRun
from executor.replies import Ready
from executor.settings import ExecutorSettings
from executor.statements import read_statement
from executor.stopping import WIRE_FACTOR
from executor.waiting import Patience
from wire.messages import Run


class OnPostgresql:
    """Statements on PostgreSQL servers."""

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
