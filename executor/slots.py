"""The slots, a thread each that runs statements, and the runs that they have or that wait for them.

A slot touches no ZeroMQ socket: it leaves its reply where the loop finds it, and rings. Every run
that was submitted gets one reply.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Final, NamedTuple

from executor.replies import Reply, no_run
from executor.waiting import Bell, Patience
from wire.faults import Fault, FaultCode
from wire.liblogs import place_of
from wire.logs import Log
from wire.messages import Run
from wire.names import PoolKey, RunId


@dataclass(frozen=True, eq=False)
class Task:
    """One run and what limits it."""

    run: Run
    payload: bytes
    patience: Patience


class Done(NamedTuple):
    """One run that has ended."""

    task: Task
    payload: bytes
    rows: int
    failed: FaultCode | None


class Slots:
    """So many runs at the same time, and as many waiting again."""

    def __init__(
        self,
        count: int,
        execute: Callable[[Run, bytes, Patience], Reply],
        *,
        statement_ms: int,
        log: Log,
        bell: Bell | None = None,
    ) -> None:
        self._count = count
        self._execute = execute
        self._statement_ms = statement_ms
        self._log = log
        self._queue: SimpleQueue[Task] = SimpleQueue()
        self._done: deque[Done] = deque()
        self._asked_for: dict[RunId, Task] = {}
        self._unfinished: set[Task] = set()
        self.bell: Final = bell or Bell()
        """Rings when `done` has something."""

    def start(self) -> None:
        """Start the threads; they end with the process."""
        for number in range(self._count):
            threading.Thread(target=self._work, name=f"slot-{number}", daemon=True).start()

    def submit(self, run: Run, payload: bytes) -> None:
        """Have *run* run, as soon as a slot is free."""
        limit_s = min(run.deadline_ms, self._statement_ms) / 1000
        task = Task(run, payload, Patience(time.monotonic() + limit_s))
        self._asked_for[run.run_id] = task
        if len(self._unfinished) >= 2 * self._count:
            self._deliver(task, no_run(Fault(code=FaultCode.OVERLOADED)))
        else:
            self._unfinished.add(task)
            self._queue.put(task)

    def stop(self, run_id: RunId) -> None:
        """Cancel one run, unless it has ended; its reply comes in any case."""
        task = self._asked_for.get(run_id)
        if task is not None:
            task.patience.stop(FaultCode.CANCELLED)

    def stop_pool(self, pool: PoolKey) -> None:
        """Cancel the runs of one pool, whoever asked for them."""
        for task in list(self._unfinished):
            if task.run.pool == pool:
                task.patience.stop(FaultCode.CANCELLED)

    def forget_all(self) -> None:
        """Let every run end unheard: the router that asked is gone, and its numbers with it."""
        self._asked_for.clear()

    def done(self) -> Done | None:
        """Return the next reply that is due, or None."""
        while self._done:
            done = self._done.popleft()
            run_id = done.task.run.run_id
            if self._asked_for.get(run_id) is done.task:
                del self._asked_for[run_id]
                return done
        return None

    def _work(self) -> None:
        bell = Bell()
        while True:
            task = self._queue.get()
            task.patience.belongs_to(bell)
            self._finish(task)

    def _finish(self, task: Task) -> None:
        reply = None
        try:
            reply = self._execute(task.run, task.payload, task.patience)
            try:
                self._deliver(task, reply)
            finally:
                reply.afterwards()
        except Exception as error:  # noqa: BLE001 - the loop's edge: a bug costs one run, no slot
            kind, place = type(error).__name__, place_of(error.__traceback__)
            self._log.error("run_failed", kind=kind, place=place, replied=reply is not None)
            if reply is None:
                self._deliver(task, no_run(Fault(code=FaultCode.INTERNAL, may_have_run=True)))

    def _deliver(self, task: Task, reply: Reply) -> None:
        # The router may count on the slot from now on, though the connection is still to be reset.
        self._unfinished.discard(task)
        self._done.append(Done(task, reply.payload, reply.rows, reply.failed))
        self.bell.ring()
