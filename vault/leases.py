"""Leases: who may use which connection, until when; pure.

A lease is found by its connection id *and* its principal, so that somebody else's id gets the same
answer as one that never was. Times are on the machine's monotonic clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from vault.expired import Ended, Expired, fault_of
from wire.faults import Fault, FaultCode, RefusedError
from wire.names import ConnectionId, PoolKey, Principal

LEASES_MAX: Final = 4_000
"""Of all principals together: what is on record must fit the saved state."""


class LeaseLimitError(RefusedError):
    """There are as many leases as there may be, of this principal or of all."""


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
        self._expired = Expired()

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
        if held >= self._limits.per_principal:
            raise _too_many(self._limits.per_principal, " of one client")
        if len(self._open) >= LEASES_MAX:
            raise _too_many(LEASES_MAX, "")

    def find(
        self, connection_id: ConnectionId, principal: Principal, *, now: float
    ) -> Lease | None:
        """Return the lease if it is open, not expired, and this principal's."""
        lease = self._open.get(connection_id)
        if lease is None or lease.pool.principal != principal or now >= self.expires_at(lease):
            return None
        return lease

    def missing(self, connection_id: ConnectionId, principal: Principal, *, now: float) -> Fault:
        """Return what *principal* hears where `find` finds nothing: expired, or no such lease."""
        lease = self._open.get(connection_id)
        if lease is None or lease.pool.principal != principal:
            ended = self._expired.find(connection_id, principal, now=now)
        else:
            # Its time is over, and it is about to be ended.
            ended = self._ended(lease, now) if now >= self.expires_at(lease) else None
        return fault_of(ended, idle_s=self._limits.idle_s, absolute_s=self._limits.absolute_s)

    def _ended(self, lease: Lease, now: float) -> Ended:
        is_old = now >= self.open_until(lease)
        pool = lease.pool
        return Ended(pool.principal, pool.connection, "age" if is_old else "idle", now)

    def idle_until(self, lease: Lease) -> float:
        """Return when *lease* has idled for too long, unless it is used again."""
        return lease.used_at + self._limits.idle_s

    def open_until(self, lease: Lease) -> float:
        """Return when *lease* ends in any case."""
        return lease.opened_at + self._limits.absolute_s

    def expires_at(self, lease: Lease) -> float:
        """Return when *lease* ends unless it is used again."""
        return min(self.idle_until(lease), self.open_until(lease))

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
            self._expired.note(lease.connection_id, self._ended(lease, now))
        self._expired.forget_old(now=now)
        return over

    def has(self, pool: PoolKey) -> bool:
        """Return whether any lease of *pool* is open."""
        return any(lease.pool == pool for lease in self._open.values())


def _too_many(limit: int, whose: str) -> LeaseLimitError:
    sentence = f"The limit of {limit} open connection IDs{whose} is reached"
    return LeaseLimitError(Fault(code=FaultCode.LEASE_LIMIT, message=sentence))
