"""How much of the system one principal, and one connection id, may have in flight; pure.

Counted by principal *and* connection id, so that whoever has got hold of somebody else's id cannot
use up what its owner may run.
"""

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from wire.faults import Fault, FaultCode
from wire.messages import Execute, Request
from wire.names import ConnectionId, Principal

K = TypeVar("K")

# Plain tuples and dictionaries: each request passes here twice.
_Use: TypeAlias = tuple[Principal, ConnectionId]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many at the same time, waiting ones included."""

    requests: int
    """Of any kind, of all principals together."""
    statements_per_lease: int
    statements_per_principal: int

    @property
    def requests_per_principal(self) -> int:
        """Return how many of all requests one principal may have: three quarters, rounded up."""
        return -(-self.requests * 3 // 4)


class Shares:
    """What is in flight, counted."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests_per_principal = limits.requests_per_principal
        self._all = 0
        self._requests: dict[Principal, int] = {}
        self._statements: dict[Principal, int] = {}
        self._of_lease: dict[_Use, int] = {}

    def refusal(self, asked: Request) -> Fault | None:
        """Return the fault that names the limit which *asked* would exceed, if there is one."""
        limits, who = self._limits, asked.principal
        if self._all >= limits.requests:
            return _overloaded(limits.requests, "")
        if self._requests.get(who, 0) >= self._requests_per_principal:
            return _overloaded(self._requests_per_principal, " for one client")
        if not isinstance(asked, Execute):
            return None
        if self._of_lease.get((who, asked.connection_id), 0) >= limits.statements_per_lease:
            return _too_many(limits.statements_per_lease, "connection ID")
        if self._statements.get(who, 0) >= limits.statements_per_principal:
            return _too_many(limits.statements_per_principal, "client")
        return None

    def take(self, asked: Request) -> None:
        """Count a request that begins."""
        self._all += 1
        _more(self._requests, asked.principal)
        if isinstance(asked, Execute):
            _more(self._statements, asked.principal)
            _more(self._of_lease, (asked.principal, asked.connection_id))

    def give_back(self, asked: Request) -> None:
        """Count a request that has ended, and forget whoever has none left."""
        self._all -= 1
        _less(self._requests, asked.principal)
        if isinstance(asked, Execute):
            _less(self._statements, asked.principal)
            _less(self._of_lease, (asked.principal, asked.connection_id))


def _more(counted: dict[K, int], key: K) -> None:
    counted[key] = counted.get(key, 0) + 1


def _less(counted: dict[K, int], key: K) -> None:
    left = counted[key] - 1
    if left:
        counted[key] = left
    else:
        del counted[key]


def _too_many(limit: int, whose: str) -> Fault:
    sentence = f"The limit of {limit} statements at the same time for one {whose} is reached"
    return Fault(code=FaultCode.STATEMENT_LIMIT, message=sentence)


def _overloaded(limit: int, whose: str) -> Fault:
    sentence = f"The limit of {limit} requests at the same time{whose} is reached"
    return Fault(code=FaultCode.OVERLOADED, message=sentence)
