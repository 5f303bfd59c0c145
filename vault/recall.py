"""Recalling: a pool whose last lease is over is taken back from every executor.

The disposals decide how long an executor has and what follows; here it is done.
"""

import time
from collections.abc import Callable

from vault.disposals import Disposals, EndSessions, Kill
from vault.errands import Errands
from vault.records import Records
from wire.lending import Dispose, ToBorrower
from wire.logs import Log
from wire.names import Incarnation, PoolKey


class Recall:
    """Takes pools back."""

    def __init__(
        self,
        records: Records,
        errands: Errands,
        *,
        tell: Callable[[Incarnation, ToBorrower], None],
        kill: Callable[[Incarnation], None],
        log: Log,
    ) -> None:
        self._records = records
        self._errands = errands
        self._tell = tell
        self._kill = kill
        self._log = log
        self._disposals = Disposals()

    def begin(
        self, pool: PoolKey, executors: list[Incarnation], when_done: Callable[[], None]
    ) -> None:
        """Make every executor give up *pool*; call *when_done* when all have."""
        self._disposals.begin(pool, executors, now=time.monotonic(), when_done=when_done)
        for executor in executors:
            self._tell(executor, Dispose(pool=pool))

    def after(self, pool: PoolKey, action: Callable[[], None]) -> None:
        """Do *action* when *pool* is not being given up, which may be now."""
        self._disposals.after(pool, action)

    def repeat(self, executor: Incarnation) -> None:
        """Tell an executor again what the vault that died, or its socket, may have swallowed."""
        now, loans = time.monotonic(), self._records.loans.held_by(executor)
        for pool in {loan.pool for loan in loans if not self._records.leases.has(loan.pool)}:
            self._disposals.begin(pool, [executor], now=now)
        for pool in self._disposals.pending(executor):
            self._tell(executor, Dispose(pool=pool))

    def confirmed(self, pool: PoolKey, executor: Incarnation) -> None:
        """Note that an executor has given *pool* up."""
        self._disposals.confirmed(pool, executor)

    def gone(self, executor: Incarnation) -> None:
        """Note that an executor has ended, and with it all its engines."""
        self._disposals.gone(executor)

    def force_late(self) -> None:
        """End what executors hold of pools that they should have given up by now."""
        for command in self._disposals.tick(now=time.monotonic()):
            self._log.warning("dispose_late", executor=command.executor)
            match command:
                case EndSessions(executor=executor, pool=pool):
                    for loan in self._records.loans.held_by(executor, pool):
                        self._errands.end_session(loan)
                case Kill(executor=executor):
                    self._kill(executor)
