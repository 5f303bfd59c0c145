"""Whose turn a free slot is: principals take turns, and each one's requests come in order; pure.

A principal that has a thousand requests waiting costs another that has one no more than a turn.
"""

from typing import Literal

from wire.names import Principal, RunId


class Turns:
    """The requests that wait for a slot."""

    def __init__(self) -> None:
        # Dictionaries keep their order: of principals, whose turn is next; of runs, who came first.
        self._waiting: dict[Principal, dict[RunId, Literal[True]]] = {}

    def join(self, run_id: RunId, principal: Principal) -> None:
        """Put a request behind those of its principal; one that waits already keeps its place."""
        self._waiting.setdefault(principal, {}).setdefault(run_id, True)

    def leave(self, run_id: RunId, principal: Principal) -> None:
        """Take a request out, if it waits; its principal's next turn comes after all others'."""
        runs = self._waiting.get(principal)
        if runs is None or runs.pop(run_id, None) is None:
            return
        del self._waiting[principal]
        if runs:
            self._waiting[principal] = runs

    def first(self) -> RunId | None:
        """Return the request whose turn it is."""
        for runs in self._waiting.values():
            return next(iter(runs))
        return None
