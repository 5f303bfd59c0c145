"""The executors as dispatch sees them: slots, what runs, which pools are warm; pure."""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from wire.names import Incarnation, PoolKey, RunId

Kind: TypeAlias = Literal["executor", "file-executor"]
"""Which of the two runs a statement: who borrows connections, or who opens files."""

KINDS: tuple[Kind, ...] = ("executor", "file-executor")


@dataclass(slots=True)
class Worker:
    """One executor."""

    slots: int
    kind: Kind = "executor"
    running: set[RunId] = field(default_factory=set)
    warm: set[PoolKey] = field(default_factory=set)
    is_overdue: bool = False
    """It is being ended, and gets nothing new."""


class Workers:
    """All executors that have said Hello."""

    def __init__(self) -> None:
        self._workers: dict[Incarnation, Worker] = {}

    def names(self) -> tuple[Incarnation, ...]:
        """Return who is here and needs grants, since it borrows."""
        return tuple(name for name, one in self._workers.items() if one.kind == "executor")

    def loads(self) -> list[tuple[Incarnation, int, int]]:
        """Return how much each executor runs, of any kind, and how many slots it has."""
        return [(name, len(one.running), one.slots) for name, one in self._workers.items()]

    def arrive(self, executor: Incarnation, slots: int, kind: Kind = "executor") -> None:
        """Note a new executor."""
        self._workers[executor] = Worker(slots, kind)

    def leave(self, executor: Incarnation) -> set[RunId]:
        """Forget an executor; return what it was running."""
        worker = self._workers.pop(executor, None)
        return worker.running if worker else set()

    def choose(
        self,
        pool: PoolKey,
        *,
        kind: Kind = "executor",
        among: Container[Incarnation] | None = None,
    ) -> Incarnation | None:
        """Return the least busy executor with a free slot, of equals one with a warm pool."""
        free = [
            (len(worker.running), pool not in worker.warm, name)
            for name, worker in self._workers.items()
            if worker.kind == kind
            if len(worker.running) < worker.slots and not worker.is_overdue
            if among is None or name in among
        ]
        return min(free)[2] if free else None

    def mark_overdue(self, executor: Incarnation) -> bool:
        """Give an executor nothing new; return False if that was known."""
        worker = self._workers.get(executor)
        if worker is None or worker.is_overdue:
            return False
        worker.is_overdue = True
        return True

    def start(self, executor: Incarnation, run_id: RunId, pool: PoolKey) -> None:
        """Note that *executor* runs this, and so will have the pool."""
        worker = self._workers[executor]
        worker.running.add(run_id)
        worker.warm.add(pool)

    def end(self, executor: Incarnation, run_id: RunId) -> bool:
        """Free the slot of a run; return False if it was not running there."""
        worker = self._workers.get(executor)
        if worker is None or run_id not in worker.running:
            return False
        worker.running.remove(run_id)
        return True

    def cool(self, pool: PoolKey) -> None:
        """Note that nobody has this pool any more."""
        for worker in self._workers.values():
            worker.warm.discard(pool)
