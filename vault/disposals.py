"""Pools whose last lease is over, until every executor has given them up; pure.

An executor has two seconds to say that its engine is gone. Then the sessions are ended at the
database; after two more the executor itself is ended.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from wire.names import Incarnation, PoolKey

CONFIRM_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class EndSessions:
    """An executor did not confirm in time: end what it borrowed for this pool."""

    executor: Incarnation
    pool: PoolKey


@dataclass(frozen=True, slots=True)
class Kill:
    """An executor still has not confirmed: end it."""

    executor: Incarnation


Command: TypeAlias = EndSessions | Kill


@dataclass(slots=True)
class _Disposal:
    waiting: set[Incarnation]
    next_step_at: float
    is_forced: bool = False
    when_done: list[Callable[[], None]] = field(default_factory=list)


class Disposals:
    """The pools that are being given up."""

    def __init__(self) -> None:
        self._open: dict[PoolKey, _Disposal] = {}

    def begin(
        self,
        pool: PoolKey,
        executors: Iterable[Incarnation],
        *,
        now: float,
        when_done: Callable[[], None] | None = None,
    ) -> None:
        """Wait for these executors to give *pool* up; *when_done* is called when all have."""
        disposal = self._open.setdefault(pool, _Disposal(set(), now + CONFIRM_S))
        disposal.waiting.update(executors)
        if when_done is not None:
            disposal.when_done.append(when_done)
        self._settle(pool)

    def after(self, pool: PoolKey, action: Callable[[], None]) -> None:
        """Do *action* when *pool* is not being given up, which may be now."""
        if pool in self._open:
            self._open[pool].when_done.append(action)
        else:
            action()

    def confirmed(self, pool: PoolKey, executor: Incarnation) -> None:
        """Note that an executor has given *pool* up."""
        if pool in self._open:
            self._open[pool].waiting.discard(executor)
            self._settle(pool)

    def gone(self, executor: Incarnation) -> None:
        """Note that an executor has ended, and with it all its engines."""
        for pool in list(self._open):
            self.confirmed(pool, executor)

    def pending(self, executor: Incarnation) -> list[PoolKey]:
        """Return the pools that this executor has still to give up."""
        return [pool for pool, disposal in self._open.items() if executor in disposal.waiting]

    def tick(self, *, now: float) -> list[Command]:
        """Return what to do about executors that are late."""
        commands: list[Command] = []
        for pool, disposal in self._open.items():
            if now < disposal.next_step_at:
                continue
            disposal.next_step_at = now + CONFIRM_S
            late = sorted(disposal.waiting)
            commands += [
                Kill(executor) if disposal.is_forced else EndSessions(executor, pool)
                for executor in late
            ]
            disposal.is_forced = True
        return commands

    def _settle(self, pool: PoolKey) -> None:
        if not self._open[pool].waiting:
            for action in self._open.pop(pool).when_done:
                action()
