"""Decide which connections end when there are too many, or when too much waits for slow readers.

It logs whom it cuts off, and touches no socket. Who has not authenticated yet is a stranger, and
strangers make room for others: the oldest one first. Whoever reads its answers most slowly makes
room for what others have asked.
"""

from collections.abc import Hashable
from typing import Final, NamedTuple, Protocol

from wire.logs import Log

TOO_SLOW: Final = "answer not read"
TOO_MUCH: Final = "answers of all not read"


class HttpLimits(NamedTuple):
    """How much a client may take of a gateway, and how long it may take for its part."""

    head_s: float = 20.0
    """From the connect, or a request's first byte, to the end of its head."""
    body_s: float = 30.0
    """From the end of a request's head to the end of its body."""
    idle_s: float = 75.0
    """Without a request. Longer than most clients keep a connection, so that it is they who
    close it."""
    stall_s: float = 20.0
    """Without any byte of an answer read."""
    connections: int = 900
    """Below the 1024 descriptors that a process has by default."""
    held_bytes: int = 128 << 20
    """Of answers that are not read yet, over all connections: a few of the largest."""


USUAL: Final = HttpLimits()


class Member(Hashable, Protocol):
    """One connection."""

    def look(self, now: float) -> None:
        """End, if the time is over for what is being waited for."""
        ...

    def cut_off(self) -> None:
        """End at once."""
        ...


class Crowd:
    """All connections of one gateway, in the order of their coming."""

    def __init__(self, limits: HttpLimits, *, log: Log) -> None:
        self._limits = limits
        self._log = log
        self._members: dict[Member, None] = {}
        self._strangers: dict[Member, None] = {}
        self._behind: dict[Member, int] = {}

    def came(self, member: Member) -> None:
        """Take in a stranger, in the place of an older one where there is no room."""
        self._members[member] = self._strangers[member] = None
        if len(self._members) >= self._limits.connections:
            oldest = next(iter(self._strangers))
            if oldest is not member:
                self._end(oldest)

    def admitted(self, member: Member) -> None:
        """Note that a connection is a stranger no longer."""
        self._strangers.pop(member, None)

    def left(self, member: Member) -> None:
        """Forget a connection that has ended."""
        for these in (self._members, self._strangers, self._behind):
            these.pop(member, None)

    def fell_behind(self, member: Member, held_bytes: int) -> None:
        """Note that an answer waits for its reader; end the slowest readers if that is too much."""
        if member not in self._members:
            return
        self._behind[member] = held_bytes
        # One answer alone is never too much: its size has a limit of its own.
        while sum(self._behind.values()) > self._limits.held_bytes and len(self._behind) > 1:
            self._end_reader(next(iter(self._behind)), TOO_MUCH)

    def caught_up(self, member: Member) -> None:
        """Note that all is read."""
        self._behind.pop(member, None)

    def stalled(self, member: Member) -> None:
        """End a connection whose client reads nothing."""
        self._end_reader(member, TOO_SLOW)

    def look(self, now: float) -> None:
        """Have every connection look at the time."""
        for member in tuple(self._members):
            member.look(now)

    def _end_reader(self, member: Member, reason: str) -> None:
        self._log.warning("client_cut_off", reason=reason, held_bytes=self._behind.get(member))
        self._end(member)

    def _end(self, member: Member) -> None:
        self.left(member)
        member.cut_off()
