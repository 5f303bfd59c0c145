"""What an executor does that none of ours would: once may be a bug, often is an attack."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from wire.logs import Log
from wire.names import Incarnation

SLIPS_MAX: Final = 16
"""Of one executor in all its life; ours make none."""


class Conduct:
    """The executors' slips, and the end of those that make too many."""

    def __init__(self, *, end: Callable[[Incarnation], None], log: Log) -> None:
        self._end = end
        self._log = log
        self._slips: Counter[Incarnation] = Counter()

    def slipped(self, executor: Incarnation) -> None:
        """Count one more."""
        self._slips[executor] += 1
        if self._slips[executor] == SLIPS_MAX:
            self.end(executor, why="malformed messages")

    def end(self, executor: Incarnation, *, why: str) -> None:
        """Have *executor* ended, and hear nothing more of it."""
        self._log.warning("executor_misbehaves", executor=executor, why=why)
        self._end(executor)

    def forget(self, executor: Incarnation) -> None:
        """Forget an executor that has ended."""
        del self._slips[executor]
