"""Which loans their executors have not accepted yet, by the number that they asked with; pure."""

from typing import Final, NamedTuple

from wire.names import EXECUTOR_SLOTS, Handle, Incarnation

UNSETTLED_MAX: Final = 2 * EXECUTOR_SLOTS
"""Of one executor. Each of its slots asks for one at a time; what became of the one before it may
be read after what it asks next."""


class _Asked(NamedTuple):
    executor: Incarnation
    number: int


class Borrows:
    """What was asked for, and has neither come nor failed nor been withdrawn."""

    def __init__(self) -> None:
        self._asked: dict[Handle, _Asked] = {}

    def has_room(self, executor: Incarnation) -> bool:
        """Return whether an executor that keeps its word could ask for one more."""
        return sum(one.executor == executor for one in self._asked.values()) < UNSETTLED_MAX

    def add(self, handle: Handle, executor: Incarnation, number: int) -> None:
        """Note that *executor* asked by that number for what becomes *handle*."""
        self._asked[handle] = _Asked(executor, number)

    def withdraw(self, executor: Incarnation, number: int) -> list[Handle]:
        """Forget and return what *executor* asked for by that number, if it is not settled."""
        wanted = _Asked(executor, number)
        found = [handle for handle, asked in self._asked.items() if asked == wanted]
        for handle in found:
            del self._asked[handle]
        return found

    def settled(self, handle: Handle) -> None:
        """Note that this one was accepted or has failed."""
        self._asked.pop(handle, None)

    def gone(self, executor: Incarnation) -> None:
        """Forget what was asked for by an executor that has ended."""
        for handle in [one for one, asked in self._asked.items() if asked.executor == executor]:
            del self._asked[handle]
