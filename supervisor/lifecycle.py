"""Decide what becomes of a unit: processes that start, fail and start again together.

Most units are one process. Vault and login server are two: a socket pair joins them for life, so
the death of one is the death of both. A unit that keeps failing gives up, and with it the whole
system.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

START_S: Final = 30.0
"""Importing everything takes a second; on a machine that swaps it may take many."""

SETTLED_S: Final = 10.0
"""A life that was ready this long was not a failed start."""

FAILURES_MAX: Final = 8
FAILURE_WINDOW_S: Final = 60.0
FIRST_BACKOFF_S: Final = 0.1
LONGEST_BACKOFF_S: Final = 5.0

STOP_S: Final = 1.0
"""What a process may take to end in good order before it is killed."""

DEMO_STOP_S: Final = 1.7
"""The same for the demo's keeper, which removes over a thousand files; all ends in under 2 s."""


class State(Enum):
    """Where a unit is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    FALLING = "falling"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    EXITED = "exited"


@dataclass(frozen=True)
class Begin:
    """Start for the first time."""


@dataclass(frozen=True)
class MemberReady:
    """A process of the unit said that it can take work."""

    name: str


@dataclass(frozen=True)
class MemberExited:
    """A process of the unit is gone."""

    name: str


@dataclass(frozen=True)
class TimeUp:
    """The time in `wake_at` has come."""


@dataclass(frozen=True)
class StopAsked:
    """The system stops, or nobody needs this unit any more."""


Event: TypeAlias = Begin | MemberReady | MemberExited | TimeUp | StopAsked


@dataclass(frozen=True)
class Spawn:
    """Start this process."""

    name: str


@dataclass(frozen=True)
class Finish:
    """Ask this process to end in good order."""

    name: str


@dataclass(frozen=True)
class Kill:
    """End this process at once."""

    name: str


@dataclass(frozen=True)
class Over:
    """The unit has exited and will not start again."""


@dataclass(frozen=True)
class GiveUp:
    """The unit failed too often: stop the system."""


Command: TypeAlias = Spawn | Finish | Kill | Over | GiveUp


class IllegalEventError(Exception):
    """Something was reported that cannot have happened; a bug of ours."""


class Lifecycle:
    """One unit's life; `wake_at` is when it wants to hear `TimeUp`, if ever."""

    def __init__(
        self,
        members: Sequence[str],
        *,
        lives: int | None = None,
        stop_s: float = STOP_S,
        is_exposed: bool = False,
    ) -> None:
        """Begin exited; *lives* is how often the unit may start, None for ever again.

        *stop_s* is what a member may take to end in good order. What clients ask for may end an
        exposed unit: it gives up only if it ends before it is ready.
        """
        self.members = tuple(members)
        self.state = State.EXITED
        self.wake_at: float | None = None
        self.starts = 0
        self._lives = lives
        self._stop_s = stop_s
        self._is_exposed = is_exposed
        self._alive: set[str] = set()
        self._ready: set[str] = set()
        self._ready_at: float | None = None
        self._failures: list[float] = []

    def handle(  # noqa: C901, PLR0911 - the one big match of this core
        self, event: Event, *, now: float
    ) -> list[Command]:
        """Move to the next state and return what to do about it."""
        match self.state, event:
            case State.EXITED, Begin():
                return self._start(now)
            case State.STARTING, MemberReady(name):
                return self._member_ready(name, now)
            case ((State.RUNNING | State.FALLING | State.STOPPING), MemberReady()):
                return []
            case ((State.STARTING | State.RUNNING), MemberExited(name)):
                return self._fall(name, now)
            case State.FALLING, MemberExited(name):
                return self._member_fell(name, now)
            case State.STOPPING, MemberExited(name):
                self._alive.discard(name)
                return [] if self._alive else self._exit()
            case _, TimeUp():
                return self._time_up(now)
            case _, StopAsked():
                return self._stop(now)
            case _:
                raise IllegalEventError(f"{type(event).__name__} while {self.state.name}")

    def _start(self, now: float) -> list[Command]:
        self.state, self.wake_at, self._ready_at = State.STARTING, now + START_S, None
        self.starts += 1
        self._alive, self._ready = set(self.members), set()
        return [Spawn(name) for name in self.members]

    def _member_ready(self, name: str, now: float) -> list[Command]:
        self._ready.add(name)
        if self._ready == set(self.members):
            self.state, self.wake_at, self._ready_at = State.RUNNING, None, now
        return []

    def _fall(self, name: str, now: float) -> list[Command]:
        self._alive.discard(name)
        if self._alive:
            self.state, self.wake_at = State.FALLING, None
            return [Kill(other) for other in self._alive]
        return self._fallen(now)

    def _member_fell(self, name: str, now: float) -> list[Command]:
        self._alive.discard(name)
        return [] if self._alive else self._fallen(now)

    def _fallen(self, now: float) -> list[Command]:
        if self._lives is not None and self.starts >= self._lives:
            return self._exit()
        was_ready = self._ready_at is not None
        settled = self._ready_at is not None and now - self._ready_at >= SETTLED_S
        recent = [at for at in self._failures if now - at < FAILURE_WINDOW_S]
        self._failures = [] if settled else [*recent, now]
        if len(self._failures) >= FAILURES_MAX and not (self._is_exposed and was_ready):
            return [*self._exit(), GiveUp()]
        pause_s = backoff_s(len(self._failures))
        if pause_s == 0:
            return self._start(now)
        self.state, self.wake_at = State.BACKOFF, now + pause_s
        return []

    def _time_up(self, now: float) -> list[Command]:
        if self.wake_at is None or now < self.wake_at:
            return []
        self.wake_at = None
        if self.state is State.BACKOFF:
            return self._start(now)
        return [Kill(name) for name in sorted(self._alive)]

    def _stop(self, now: float) -> list[Command]:
        if self.state in {State.STOPPING, State.EXITED}:
            return []
        if not self._alive:
            return self._exit()
        self.state, self.wake_at = State.STOPPING, now + self._stop_s
        return [Finish(name) for name in sorted(self._alive)]

    def _exit(self) -> list[Command]:
        self.state, self.wake_at = State.EXITED, None
        return [Over()]


def backoff_s(failures: int) -> float:
    """Return the pause before the next start, after so many failed lives in a row."""
    if failures <= 1:
        return 0.0
    return float(min(FIRST_BACKOFF_S * 2 ** (failures - 2), LONGEST_BACKOFF_S))
