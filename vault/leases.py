"""Leases: who may use which connection, until when; pure.

A lease is found by its connection id *and* its principal, so that somebody else's id gets the same
answer as one that never was. Times are on the machine's monotonic clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from wire.names import ConnectionId, PoolKey, Principal

LEASES_MAX: Final = 4_000
"""Of all principals together: what is on record must fit the saved state."""


class LeaseLimitError(Exception):
    """A principal has as many leases as it may have."""


class Lease(Struct, frozen=True, forbid_unknown_fields=True):
    """Leave to run statements on one pool."""

    connection_id: ConnectionId
    pool: PoolKey
    opened_at: float
    used_at: float


@dataclass(frozen=True, slots=True)
class Limits:
    """How many, and how long, in seconds."""

    per_principal: int
    idle_s: float
    absolute_s: float


class Leases:
    """All open leases."""

    def __init__(self, limits: Limits, leases: Iterable[Lease] = ()) -> None:
        self._limits = limits
        self._open = {lease.connection_id: lease for lease in leases}

    def all(self) -> tuple[Lease, ...]:
        """Return every open lease, oldest first."""
        return tuple(self._open.values())

    def open(self, connection_id: ConnectionId, pool: PoolKey, *, now: float) -> Lease:
        """Open a lease; raise LeaseLimitError when its principal has too many."""
        self.require_room(pool.principal)
        lease = Lease(connection_id, pool, now, now)
        self._open[connection_id] = lease
        return lease

    def require_room(self, principal: Principal) -> None:
        """Raise LeaseLimitError when *principal* may not open another lease."""
        held = sum(lease.pool.principal == principal for lease in self._open.values())
        if len(self._open) >= LEASES_MAX or held >= self._limits.per_principal:
            raise LeaseLimitError

    def find(
        self, connection_id: ConnectionId, principal: Principal, *, now: float
    ) -> Lease | None:
        """Return the lease if it is open, not expired, and this principal's."""
        lease = self._open.get(connection_id)
        if lease is None or lease.pool.principal != principal or now >= self.expires_at(lease):
            return None
        return lease

    def expires_at(self, lease: Lease) -> float:
        """Return when *lease* ends unless it is used again."""
        return min(lease.used_at + self._limits.idle_s, lease.opened_at + self._limits.absolute_s)

    def use(self, connection_ids: Iterable[ConnectionId], *, now: float) -> None:
        """Note that these leases were used; one that has ended meanwhile stays ended."""
        for connection_id in connection_ids:
            lease = self._open.get(connection_id)
            if lease is not None and now < self.expires_at(lease):
                self._open[connection_id] = replace(lease, used_at=now)

    def end(self, connection_id: ConnectionId, principal: Principal) -> Lease | None:
        """End a lease for its principal; return it, or None where there is none of theirs."""
        lease = self._open.get(connection_id)
        if lease is None or lease.pool.principal != principal:
            return None
        return self._open.pop(connection_id)

    def expire(self, *, now: float) -> list[Lease]:
        """End the leases whose time has come, and return them."""
        over = [lease for lease in self._open.values() if now >= self.expires_at(lease)]
        for lease in over:
            del self._open[lease.connection_id]
        return over

    def has(self, pool: PoolKey) -> bool:
        """Return whether any lease of *pool* is open."""
        return any(lease.pool == pool for lease in self._open.values())
