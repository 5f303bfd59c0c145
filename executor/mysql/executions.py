"""Statements on MySQL and MariaDB, by PyMySQL."""

from typing import Final

from pymysql import Error

from executor.borrowing import VaultLink
from executor.dialects import MYSQL
from executor.engines import Engines
from executor.mysql.adoption import adopt
from executor.mysql.cleaning import finish_reset, prepare_new, start_reset
from executor.mysql.lent import MysqlConnection
from executor.mysql.literals import written
from executor.mysql.results import ResultText
from executor.mysql.runner import StatementRun
from executor.opening import Opening
from executor.pooling import Checkout, Driver, Need
from executor.replies import Ready
from executor.settings import ExecutorSettings
from executor.statements import read_asked
from executor.stopping import WIRE_FACTOR
from executor.waiting import Patience
from wire.messages import Run


class OnMysql:
    """Statements on servers of MySQL's protocol."""

    def __init__(self, settings: ExecutorSettings, vault: VaultLink) -> None:
        self._settings = settings
        self._vault = vault
        driver = Driver(
            url="mysql+pymysql://",
            options={},
            kind=MysqlConnection,
            error=Error,
            open_one=Opening(vault, adopt, self._prepare).open_one,
            start_reset=start_reset,
            finish_reset=finish_reset,
        )
        self.engines: Final = Engines(settings.slots, driver, vault.disposed)

    def ready(self, run: Run, payload: bytes, patience: Patience) -> Ready:
        """Return the statement in *payload* with a connection; raise RefusedError, StoppedError."""
        read_only = run.pool.access == "read-only"
        asked = read_asked(payload, dialect=MYSQL, read_only=read_only)
        sql = written(asked.bound, asked.given)
        checkout = self.engines.check_out(run.pool, run.grant, patience)
        return Ready(
            lambda: self._statement_run(run, checkout).run(sql),
            checkout.done,
            checkout.give_back,
        )

    def _prepare(self, connection: MysqlConnection, need: Need) -> None:
        prepare_new(connection, read_only=need.read_only, statement_ms=self._settings.statement_ms)

    def _statement_run(self, run: Run, checkout: Checkout[MysqlConnection]) -> StatementRun:
        limits = self._settings
        connection = checkout.connection
        return StatementRun(
            connection,
            ResultText(
                connection.session.collation,
                rows_max=limits.rows_max,
                max_bytes=limits.result_max_bytes,
            ),
            read_only=run.pool.access == "read-only",
            wire_max_bytes=limits.result_max_bytes * WIRE_FACTOR,
            interrupt=lambda: self._vault.interrupt(connection.handle),
        )
