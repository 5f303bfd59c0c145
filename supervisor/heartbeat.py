"""Asks every process that is at work whether it lives, and ends those that do not say so."""

import time

from supervisor.children import Child
from supervisor.fleet import Fleet
from supervisor.pulse import BEAT_S, SILENT_S, AskIt, EndIt, Pulse
from supervisor.watch import Watch
from wire.control import Ask
from wire.logs import Log
from wire.names import Incarnation


class Heartbeat:
    """Beats as long as the watch turns."""

    def __init__(self, watch: Watch, fleet: Fleet, log: Log) -> None:
        self._watch = watch
        self._fleet = fleet
        self._log = log
        self._pulse = Pulse()

    def heard(self, child: Child, number: int) -> None:
        """Note that *child* lives."""
        self._pulse.answered(child.incarnation, number)

    def beat(self) -> None:
        """Ask and end once, and again as long as the watch turns."""
        now = time.monotonic()
        present = [child.incarnation for child in self._fleet.at_work()]
        for command in self._pulse.beat(present, now=now):
            match command:
                case AskIt(who, number):
                    self._ask(who, number)
                case EndIt(who):
                    self._log.warning("child_silent", child=who, silent_s=SILENT_S)
                    self._fleet.kill(who)
        self._watch.at("heartbeat", now + BEAT_S, self.beat)

    def _ask(self, who: Incarnation, number: int) -> None:
        if (child := self._fleet.child(who)) is not None:
            child.say(Ask(number=number))
