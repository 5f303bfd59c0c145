"""Which processes have not answered for too long; pure.

A process that hangs, in a system call or in a loop of its own, does not exit, so nothing else tells
of it. Each is asked again when it has answered, and has so long for its answer.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, TypeAlias

from wire.names import Incarnation

BEAT_S: Final = 2.0

SILENT_S: Final = 10.0
"""No loop of ours waits for anything that takes a tenth of it."""


@dataclass(frozen=True)
class AskIt:
    """Ask whether it lives, by that number."""

    who: Incarnation
    number: int


@dataclass(frozen=True)
class EndIt:
    """End one that has not answered for too long."""

    who: Incarnation


Command: TypeAlias = AskIt | EndIt


@dataclass(slots=True)
class _Question:
    number: int
    since: float


class Pulse:
    """Who was asked, and has not answered yet."""

    def __init__(self) -> None:
        self._open: dict[Incarnation, _Question] = {}
        self._beats = 0
        self._last_beat: float | None = None

    def beat(self, present: Collection[Incarnation], *, now: float) -> list[Command]:
        """Return whom to ask and whom to end, of those that are there and can take work."""
        self._excuse_what_we_slept(now)
        self._beats += 1
        self._open = {who: self._open[who] for who in present if who in self._open} | {
            who: _Question(self._beats, now) for who in present if who not in self._open
        }
        commands: list[Command] = []
        for who, question in self._open.items():
            if question.number == self._beats:
                commands.append(AskIt(who, self._beats))
            elif now >= question.since + SILENT_S:
                commands.append(EndIt(who))
        return commands

    def answered(self, who: Incarnation, number: int) -> None:
        """Note an answer; one to an older question counts for nothing."""
        question = self._open.get(who)
        if question is not None and question.number == number:
            del self._open[who]

    def _excuse_what_we_slept(self, now: float) -> None:
        """Give everybody the time in which we did not run: they may have been stopped with us."""
        if self._last_beat is not None:
            slept_s = max(0.0, now - self._last_beat - BEAT_S)
            for question in self._open.values():
                question.since += slept_s
        self._last_beat = now
