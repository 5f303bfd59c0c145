"""One run from its payload to its reply; no error of SQLite's gets any further than this."""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from executor.dialects import SQLITE
from executor.replies import Outcome, Reply, fault_before_sending, no_run, reply_to
from executor.sqlite.failures import fault_of
from executor.sqlite.opening import FileConnection, identify, open_file
from executor.sqlite.pools import Checkout, Pools
from executor.sqlite.runner import Limits, StatementRun
from executor.sqlite.settings import FileExecutorSettings
from executor.sqlite.values import SqliteValue, sqlite_values
from executor.statements import read_asked
from executor.waiting import Patience, StoppedError
from wire.faults import Fault, FaultCode, RefusedError
from wire.logs import Log
from wire.messages import Run
from wire.names import PoolKey

AGAIN_S: Final = 0.2
"""How soon a statement that does not stop is interrupted again."""


class FileExecutions:
    """Runs statements, each in the thread that asks."""

    def __init__(self, settings: FileExecutorSettings, log: Log, wake: Callable[[], None]) -> None:
        """Call *wake* whenever there is something new to tend."""
        self._settings = settings
        self._log = log
        self._roots = tuple(Path(root) for root in settings.roots)
        self._limits = Limits(settings.rows_max, settings.result_max_bytes)
        self._changing = threading.Lock()
        self._running: set[FileConnection] = set()
        self.pools: Final = Pools(settings.slots, self._open)
        self._wake = wake

    @property
    def running(self) -> int:
        """Return how many statements have a connection."""
        return len(self._running)

    def execute(self, run: Run, payload: bytes, patience: Patience) -> Reply:
        """Return the reply to *run*, whatever becomes of it; without a payload, only look."""
        try:
            asked = self._asked(run.pool, payload) if payload else None
            checkout = self._check_out(run.pool, patience)
        except RefusedError as error:
            self._note(run.pool, error.fault)
            return no_run(error.fault)
        except StoppedError as error:
            return no_run(fault_before_sending(error.code))
        return self._run(run.pool, asked, checkout)

    def tend(self) -> float | None:
        """Interrupt what runs too long, and close what nobody uses; return when to come again.

        A statement looks for itself whether its time is over, but not while it is deep in one step.
        """
        with self._changing:
            for connection in self._running:
                if connection.patience.is_over():
                    connection.interrupt()
            due = [max(AGAIN_S, one.patience.left_s()) for one in self._running]
        idle_s = self.pools.close_idle(now=time.monotonic())
        return min(due if idle_s is None else [*due, idle_s], default=None)

    def _asked(self, pool: PoolKey, payload: bytes) -> tuple[str, list[SqliteValue]]:
        asked = read_asked(
            payload,
            dialect=SQLITE,
            read_only=self._is_read_only(pool),
        )
        return asked.bound.sql, sqlite_values(asked.bound, asked.given)

    def _check_out(self, pool: PoolKey, patience: Patience) -> Checkout:
        """Return a connection to what the path names now; files are replaced while we run."""
        patience.check()
        while True:
            checkout = self.pools.check_out(pool, patience)
            try:
                is_right = checkout.connection.identity == identify(self._path(pool), self._roots)
            except RefusedError:
                checkout.give_back(is_reusable=False)
                raise
            if is_right:
                return checkout
            checkout.give_back(is_reusable=False)
            patience.check()

    def _open(self, pool: PoolKey, patience: Patience) -> FileConnection:
        path, read_only = self._path(pool), self._is_read_only(pool)
        try:
            return open_file(path, roots=self._roots, read_only=read_only, patience=patience)
        except (sqlite3.Error, MemoryError) as error:
            raise RefusedError(fault_of(error)) from None

    def _run(
        self, pool: PoolKey, asked: tuple[str, list[SqliteValue]] | None, checkout: Checkout
    ) -> Reply:
        connection = checkout.connection
        is_reusable = False
        with self._changing:
            self._running.add(connection)
        self._wake()
        try:
            outcome = self._outcome(pool, asked, connection)
            is_reusable = outcome.is_reusable
            self._note(pool, outcome.fault)
        finally:
            with self._changing:
                self._running.discard(connection)
            checkout.give_back(is_reusable=is_reusable)
        return reply_to(outcome)

    def _note(self, pool: PoolKey, fault: Fault | None) -> None:
        """Tell the operator of a file that cannot be used."""
        if fault is None or fault.code is not FaultCode.DATABASE_UNREACHABLE:
            return
        # Of all threads that may have something to tell at once.
        with self._changing:
            self._log.warning(
                "file_unusable",
                peer=pool.principal,
                connection=pool.connection,
                sentence=fault.sentence,
            )

    def _outcome(
        self,
        pool: PoolKey,
        asked: tuple[str, list[SqliteValue]] | None,
        connection: FileConnection,
    ) -> Outcome:
        statement = StatementRun(connection, self._limits, read_only=self._is_read_only(pool))
        return statement.look() if asked is None else statement.run(*asked)

    def _path(self, pool: PoolKey) -> Path:
        file = self._settings.files.get(pool.connection)
        if file is None:
            raise RefusedError(Fault(code=FaultCode.UNKNOWN_CONNECTION_NAME))
        return Path(file.path)

    def _is_read_only(self, pool: PoolKey) -> bool:
        # The configuration has the last word, whatever the lease says.
        file = self._settings.files.get(pool.connection)
        return pool.access == "read-only" or file is None or file.access == "read-only"
