"""How often one principal may try passwords of its own at servers of its own choice; pure.

Else `connect_storage` would be a way to guess passwords, or to find out which ports are open.
Every try that fails counts for a minute, whatever it failed at. A try that has not ended yet counts
as one that will fail, but several at one account as one: those are made one after the other.
"""

from collections import Counter, deque
from typing import Final

from wire.names import Principal

FAILURES_MAX: Final = 10
WINDOW_S: Final = 60.0


class _Tab:
    """What one principal has tried lately."""

    __slots__ = ("failed_at", "pending")

    def __init__(self) -> None:
        self.failed_at: deque[float] = deque()
        self.pending: Counter[str] = Counter()


class Guesses:
    """The tries of every principal."""

    def __init__(self) -> None:
        self._tabs: dict[Principal, _Tab] = {}

    def pause_s(self, principal: Principal, account: str, *, now: float) -> float:
        """Return how long it is until *account* may be tried; 0 where it may be now."""
        tab = self._tabs.get(principal)
        if tab is None:
            return 0.0
        self._forget_old(principal, tab, now)
        others = len(tab.pending.keys() - {account})
        over = len(tab.failed_at) + others + 1 - FAILURES_MAX
        if over <= 0:
            return 0.0
        # What is pending may fail at any time from now on.
        times = [*tab.failed_at, *[now] * others]
        return times[over - 1] + WINDOW_S - now

    def begin(self, principal: Principal, account: str) -> None:
        """Note a try; its end must be noted too."""
        self._tabs.setdefault(principal, _Tab()).pending[account] += 1

    def ended(self, principal: Principal, account: str, *, failed: bool, now: float) -> None:
        """Note the end of a try."""
        tab = self._tabs[principal]
        tab.pending[account] -= 1
        if not tab.pending[account]:
            del tab.pending[account]
        if failed:
            tab.failed_at.append(now)
        self._forget_old(principal, tab, now)

    def _forget_old(self, principal: Principal, tab: _Tab, now: float) -> None:
        while tab.failed_at and tab.failed_at[0] + WINDOW_S <= now:
            tab.failed_at.popleft()
        if not tab.failed_at and not tab.pending:
            del self._tabs[principal]
