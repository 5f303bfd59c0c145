"""What each lease's statements came to, as the router sees them begin and end; pure.

It begins with the router, and with a lease's first statement; a lease that has ended is forgotten.
"""

from dataclasses import dataclass
from typing import Final

from wire.faults import FaultCode
from wire.messages import Execute, Request
from wire.names import ConnectionId, Principal
from wire.usage import Usage

KEPT_MAX: Final = 8_192
"""Twice the leases that there may be: one whose end nobody told is the first to be forgotten."""


@dataclass(slots=True)
class _Count:
    principal: Principal
    since: float
    used_at: float
    statements: int = 0
    rows: int = 0
    bytes: int = 0
    errors: int = 0
    last_fault: FaultCode | None = None

    def usage(self, *, running: int, waiting: int, now: float) -> Usage:
        return Usage(
            since_s=now - self.since,
            statements=self.statements,
            rows=self.rows,
            bytes=self.bytes,
            errors=self.errors,
            last_fault=self.last_fault,
            last_used_s=now - self.used_at,
            running=running,
            waiting=waiting,
        )


class Usages:
    """The usage of every lease that was used; the least recently used first."""

    def __init__(self) -> None:
        self._counts: dict[ConnectionId, _Count] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def began(self, asked: Request, *, now: float) -> None:
        """Note that a statement begins, under a lease that is known to be its principal's."""
        if not isinstance(asked, Execute):
            return
        lease = asked.connection_id
        count = self._counts.pop(lease, None) or _Count(asked.principal, since=now, used_at=now)
        count.used_at = now
        self._counts[lease] = count
        if len(self._counts) > KEPT_MAX:
            del self._counts[next(iter(self._counts))]

    def ended(
        self,
        asked: Request,
        *,
        rows: int = 0,
        size_bytes: int = 0,
        failed: FaultCode | None = None,
        now: float,
    ) -> None:
        """Count a statement; one that asked for somebody else's lease, or for none, is not."""
        count = self._counts.get(asked.connection_id) if isinstance(asked, Execute) else None
        if count is None or count.principal != asked.principal:
            return
        count.used_at = now
        count.statements += 1
        count.rows += rows
        count.bytes += size_bytes
        if failed is not None:
            count.errors += 1
            count.last_fault = failed

    def forget(self, lease: ConnectionId) -> None:
        """Drop a lease that has ended."""
        self._counts.pop(lease, None)

    def of(
        self, lease: ConnectionId, principal: Principal, *, running: int, waiting: int, now: float
    ) -> Usage:
        """Return what was counted of a lease of *principal*'s."""
        count = self._counts.get(lease)
        if count is None or count.principal != principal:
            return Usage(running=running, waiting=waiting)
        return count.usage(running=running, waiting=waiting, now=now)

    def shown(self, lease: ConnectionId, *, running: int, waiting: int, now: float) -> Usage:
        """Return what was counted of a lease that `newest` named, for the operator."""
        return self._counts[lease].usage(running=running, waiting=waiting, now=now)

    def newest(self, most: int) -> list[ConnectionId]:
        """Return the leases that a statement was begun under last, the last one first."""
        found = list(self._counts)
        return found[: -most - 1 : -1]
