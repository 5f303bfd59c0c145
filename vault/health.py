"""How each connection is, as far as its logins tell; pure.

Nobody is sent to look: what logins saw that were wanted anyway is kept, and the next one that is
wanted is the probe.
"""

from typing import Final, Literal, NamedTuple

from msgspec import Struct

from vault.attempts import Attempts
from vault.counted import server_at
from vault.reach import Reach
from vault.settings import NamedConnection

LOGINS_MAX: Final = 4096
"""Clients may bring logins of their own; of so many the oldest is forgotten, and is unknown."""

HealthState = Literal["healthy", "unreachable", "refused", "paused", "unknown"]


class Health(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One connection's health, safe to show to anyone who may use it."""

    state: HealthState
    """`refused`: by the server or by us; `paused`: too often, so that it is not tried for now."""
    since_s: float | None = None
    """For how long it has been so."""
    next_try_s: float | None = None
    """Of `unreachable` and `paused`: in how long a login may be tried again; 0 is now."""


class _Seen(NamedTuple):
    is_healthy: bool
    since: float


class Healths:
    """What the last login of each connection saw.

    Of each as a whole: one server and credential may do with one certificate and not with another.
    """

    def __init__(self, attempts: Attempts, reach: Reach) -> None:
        self._attempts = attempts
        self._reach = reach
        self._seen: dict[NamedConnection, _Seen] = {}

    def note(self, connection: NamedConnection, *, is_healthy: bool, now: float) -> None:
        """Note that a login worked, or that it was refused."""
        seen = self._seen.get(connection)
        if seen is not None and seen.is_healthy is is_healthy:
            return
        if seen is None and len(self._seen) >= LOGINS_MAX:
            del self._seen[next(iter(self._seen))]
        self._seen[connection] = _Seen(is_healthy, now)

    def forget(self, connection: NamedConnection) -> None:
        """Forget what is no more."""
        self._seen.pop(connection, None)

    def of(self, connection: NamedConnection, *, now: float) -> Health:
        """Return how it is now."""
        server = server_at(connection.host, connection.port)
        away_s = self._reach.away_s(server, now=now)
        if away_s is not None:
            next_s = self._reach.next_try_s(server, now=now)
            return Health(state="unreachable", since_s=away_s, next_try_s=next_s)
        seen = self._seen.get(connection)
        since_s = None if seen is None else now - seen.since
        if (pause_s := self._attempts.pause_s(connection.variable, now=now)) > 0:
            # Perhaps because of another connection with the same credential.
            since_s = None if seen is None or seen.is_healthy else since_s
            return Health(state="paused", since_s=since_s, next_try_s=pause_s)
        if seen is None:
            return Health(state="unknown")
        return Health(state="healthy" if seen.is_healthy else "refused", since_s=since_s)
