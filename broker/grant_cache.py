"""The grants of leases in use, and when to renew them; pure.

A vault that is down for a moment costs a running lease nothing, because its grants are here. A
lease that is not used is forgotten with its grants, and asked for again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from broker.workers import Kind
from wire.messages import Granted
from wire.names import ConnectionId, Engine, Incarnation, PoolKey, Principal

SPARE_S: Final = 5.0
"""A grant with less than this left is not sent: it must still be good when the executor borrows."""

RENEW_AT: Final = 0.5
"""Of its life."""

RETRY_S: Final = 5.0
"""How long a renewal may be on its way before it is asked for again."""


@dataclass(slots=True)
class Held:
    """One lease as the router knows it."""

    pool: PoolKey
    statement_ms: int
    grants: dict[Incarnation, bytes]
    expires_at: float
    renew_at: float
    is_used: bool
    """Since its last renewal."""
    engine: Engine = "postgresql"

    @property
    def runs_on(self) -> Kind:
        """Return which kind of executor runs the lease's statements."""
        return "file-executor" if self.engine == "sqlite" else "executor"

    def is_good_for(self, executor: Incarnation) -> bool:
        """Return whether *executor* can have it: it needs a grant only where it must borrow."""
        return self.engine == "sqlite" or executor in self.grants


class GrantCache:
    """The leases in use."""

    def __init__(self) -> None:
        self._held: dict[ConnectionId, Held] = {}
        self._used: set[ConnectionId] = set()

    def store(self, granted: Granted, *, now: float) -> None:
        """Keep what the vault granted."""
        life_s = granted.expires_in_ms / 1000
        before = self._held.get(granted.connection_id)
        self._held[granted.connection_id] = Held(
            pool=granted.pool,
            statement_ms=granted.statement_ms,
            grants=granted.grants,
            expires_at=now + life_s - SPARE_S,
            renew_at=now + life_s * RENEW_AT,
            # A renewal is no use: else a lease that nobody uses would be renewed for ever.
            is_used=before is None or before.is_used,
            engine=granted.engine,
        )

    def find(self, connection_id: ConnectionId, *, now: float) -> Held | None:
        """Return the lease if its grants are good."""
        held = self._held.get(connection_id)
        return held if held is not None and now < held.expires_at else None

    def is_of(self, connection_id: ConnectionId, principal: Principal) -> bool:
        """Return whether this lease is here, with good grants or not, and is *principal*'s."""
        held = self._held.get(connection_id)
        return held is not None and held.pool.principal == principal

    def use(self, connection_id: ConnectionId) -> None:
        """Note that the lease is used."""
        self._used.add(connection_id)
        held = self._held.get(connection_id)
        if held is not None:
            held.is_used = True

    def take_used(self) -> tuple[ConnectionId, ...]:
        """Return the leases used since the last call."""
        used = tuple(self._used)
        self._used.clear()
        return used

    def forget(self, connection_id: ConnectionId) -> PoolKey | None:
        """Drop a lease that has ended; return its pool if no other lease here has it."""
        held = self._held.pop(connection_id, None)
        if held is None or any(other.pool == held.pool for other in self._held.values()):
            return None
        return held.pool

    def forget_expired(self, *, now: float) -> None:
        """Drop what was not renewed because nobody used it."""
        self._held = {name: held for name, held in self._held.items() if now < held.expires_at}

    def due(self, *, now: float) -> Iterable[tuple[ConnectionId, Principal]]:
        """Yield the leases to renew: in use, and in the second half of their grants' life."""
        for connection_id, held in self._held.items():
            if held.is_used and now >= held.renew_at:
                held.is_used = False
                held.renew_at = now + RETRY_S
                yield connection_id, held.pool.principal
