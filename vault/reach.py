"""When a database server that could not be reached is tried again; pure.

The first failure to connect sets a short pause, and each failed probe after it one twice as long,
up to a limit. Only one login at a time is the probe; whoever else asks is told at once that there
is no reaching the server. Any connection that comes about ends all that. This is kept by server,
not by who asks: what one principal has found out spares the others the wait.
"""

from typing import Final, NamedTuple

FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 15.0
"""So long at most goes unnoticed that a server is back."""

SERVERS_MAX: Final = 4096
"""Clients may name servers of their own; of so many the oldest failure is forgotten."""

NO_PROBE: Final = 0

_DOUBLINGS_MAX: Final = 16  # past the longest pause; a server may be away for weeks


class Server(NamedTuple):
    """Where logins connect; a name is not looked up here."""

    host: str
    port: int


class _Record(NamedTuple):
    since: float
    failures: int
    not_before: float
    probe: int


class Reach:
    """The servers that could not be reached when they were last tried."""

    def __init__(self) -> None:
        self._away: dict[Server, _Record] = {}
        self._probes = NO_PROBE

    def may_try(self, server: Server, *, now: float) -> bool:
        """Return whether a login may be started there; one that is, must `begin`."""
        record = self._away.get(server)
        return record is None or (record.probe == NO_PROBE and now >= record.not_before)

    def is_paused(self, server: Server, *, now: float) -> bool:
        """Return whether nobody may be tried there, not even a probe."""
        record = self._away.get(server)
        return record is not None and now < record.not_before

    def begin(self, server: Server, *, now: float) -> int:
        """Note that a login is on its way; return its number if it is the probe, else NO_PROBE."""
        record = self._away.get(server)
        if record is None or not self.may_try(server, now=now):
            return NO_PROBE
        self._probes += 1
        self._away[server] = record._replace(probe=self._probes)
        return self._probes

    def reached(self, server: Server) -> None:
        """Note that a connection came about."""
        self._away.pop(server, None)

    def unreached(self, server: Server, *, probe: int, now: float) -> None:
        """Note that no connection came about; one that began before the first failure adds none."""
        record = self._away.get(server)
        if record is None:
            self._add(server, _Record(now, 1, now + FIRST_PAUSE_S, NO_PROBE))
        elif probe != NO_PROBE and probe == record.probe:
            pause_s = FIRST_PAUSE_S * 2.0 ** min(record.failures, _DOUBLINGS_MAX)
            self._away[server] = _Record(
                record.since, record.failures + 1, now + min(pause_s, LONGEST_PAUSE_S), NO_PROBE
            )

    def untold(self, server: Server, *, probe: int) -> None:
        """Note that a login ended without saying whether it had connected."""
        record = self._away.get(server)
        if record is not None and probe == record.probe:
            self._away[server] = record._replace(probe=NO_PROBE)

    def next_try_s(self, server: Server, *, now: float) -> float | None:
        """Return how long it is until the next probe, None where no pause is kept."""
        record = self._away.get(server)
        return None if record is None else max(0.0, record.not_before - now)

    def away_s(self, server: Server, *, now: float) -> float | None:
        """Return for how long the server has not been reached, None where no pause is kept."""
        record = self._away.get(server)
        return None if record is None else now - record.since

    def _add(self, server: Server, record: _Record) -> None:
        if len(self._away) >= SERVERS_MAX:
            del self._away[next(iter(self._away))]
        self._away[server] = record
