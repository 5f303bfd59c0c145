"""Which of many equal events are worth a line; pure.

Whoever sends us nonsense as fast as it can must not fill a disk with what we say of it: the first
event of a kind and a sender is told, then one for each second that has more, with their number.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

APART_S: Final = 1.0

KEPT_MAX: Final = 256
"""Far more kinds and senders than there are; of so many the oldest is forgotten."""


@dataclass(slots=True)
class _Told:
    at: float
    untold: int = 0


class Repeats:
    """When each kind of event was last told, and how many were not."""

    def __init__(self) -> None:
        self._told: dict[Hashable, _Told] = {}

    def admit(self, kind: Hashable, *, now: float) -> int | None:
        """Return how many of this kind were not told before this one; None if it is not either."""
        last = self._told.get(kind)
        if last is not None and now < last.at + APART_S:
            last.untold += 1
            return None
        # At the end again: what is forgotten first is what has been told least lately.
        self._told.pop(kind, None)
        if len(self._told) >= KEPT_MAX:
            del self._told[next(iter(self._told))]
        self._told[kind] = _Told(now)
        return 0 if last is None else last.untold
