"""Which of the logins that wait goes next, and which wait in vain; pure.

Who has waited longest goes first, where there is room: for one more login at all, at its server,
and with its credential. A server gets no more places than it leaves free, and the same holds for
those that wait. So one that stalls takes half of them, a second one half of the rest, and a server
at which nobody logs in yet finds a place as long as there is one.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from vault.attempts import Attempts
from vault.reach import Reach, Server

RUNNING_MAX: Final = 64
"""Each is a process of some 17 MiB, most of it shared."""

WAITING_MAX: Final = 1024

CANCELS_AT_ONCE: Final = 8
"""Of one account, in places of their own: logins that stall must not keep a cancel waiting."""

Work: TypeAlias = Literal["log in", "end", "cancel", "kill"]
"""`cancel` needs no password, so a wrong one does not keep it from running; `kill` is a cancel by a
login with the password, and so a try of that, which counts and is counted as any other."""

Vain: TypeAlias = Literal["paused", "unreachable"]

_CANCELS: Final[tuple[Work, ...]] = ("cancel", "kill")


@dataclass(frozen=True, slots=True, eq=False)
class Want:
    """One login that is wanted: where, with whose credential, what for, and until when."""

    server: Server
    account: str
    """As whose the refusals of its credential are counted."""
    work: Work
    deadline: float


class LoginQueue:
    """The logins that wait, and those that run."""

    def __init__(self, attempts: Attempts, reach: Reach) -> None:
        self._attempts = attempts
        self._reach = reach
        self._waiting: dict[Want, None] = {}
        self._running: dict[Want, bool] = {}
        """Each with whether it still uses its server's and its credential's places."""

    def join(self, want: Want) -> bool:
        """Let *want* wait; return False, with nothing changed, where too many do."""
        at_server = sum(one.server == want.server for one in self._waiting)
        if not _leaves_room(at_server, len(self._waiting), WAITING_MAX):
            return False
        self._waiting[want] = None
        return True

    def leave(self, want: Want) -> None:
        """Let *want* wait no longer."""
        self._waiting.pop(want, None)

    def next(self) -> Want | None:
        """Return whose turn it is, None where nobody's is."""
        total = len(self._running)
        using = [want for want, uses_places in self._running.items() if uses_places]
        servers = Counter(want.server for want in using)
        logins = Counter(want.account for want in using if want.work not in _CANCELS)
        cancels = Counter(want.account for want in using if want.work in _CANCELS)
        for want in self._waiting:
            if not _leaves_room(servers[want.server], total, RUNNING_MAX):
                continue
            begun = cancels if want.work in _CANCELS else logins
            if begun[want.account] < self._at_once(want):
                return want
        return None

    def _at_once(self, want: Want) -> int:
        match want.work:
            case "cancel":
                return CANCELS_AT_ONCE
            case "kill":
                return min(CANCELS_AT_ONCE, self._attempts.at_once(want.account))
            case _:
                return self._attempts.at_once(want.account)

    def begin(self, want: Want) -> None:
        """Note that *want* has its login."""
        del self._waiting[want]
        self._running[want] = True

    def logged_in(self, want: Want) -> None:
        """Free the places of *want*, which has only to hand its session over."""
        self._running[want] = False

    def end(self, want: Want) -> None:
        """Note that the login of *want* is over."""
        self._running.pop(want, None)

    def in_vain(self, *, now: float) -> list[tuple[Want, Vain]]:
        """Return who waits for what others have found out to be of no use, and why."""
        found = [(want, self._why_vain(want, now)) for want in self._waiting]
        return [(want, why) for want, why in found if why is not None]

    def _why_vain(self, want: Want, now: float) -> Vain | None:
        if want.work != "cancel" and not self._attempts.may_try(want.account, now=now):
            return "paused"
        # What ends or cancels something at the server is tried all the same.
        if want.work == "log in" and self._reach.is_paused(want.server, now=now):
            return "unreachable"
        return None


def _leaves_room(own: int, total: int, most: int) -> bool:
    return own < most - total
