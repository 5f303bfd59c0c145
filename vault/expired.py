"""Connection ids whose time is over, so that their principals hear that and not "invalid"; pure.

Kept in memory only, for an hour, and no more of one principal than the next may need as well. Who
asks for an id that is forgotten, perhaps because the vault died, hears that there is none such.
"""

from typing import Final, Literal, NamedTuple, TypeAlias

from wire.faults import Fault, FaultCode
from wire.names import DYNAMIC, ConnectionId, ConnectionName, Principal

KEPT_S: Final = 3600.0
KEPT_MAX: Final = 1_000
KEPT_OF_ONE_MAX: Final = 100

Reason: TypeAlias = Literal["idle", "age"]

_WORDS: Final[dict[Reason, str]] = {
    "idle": "The connection ID has expired: it was not used for {}",
    "age": "The connection ID has expired: it was as old as one may become, {}",
}
_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


class Ended(NamedTuple):
    """What is known of a lease whose time is over."""

    principal: Principal
    connection: ConnectionName
    reason: Reason
    ended_at: float


class Expired:
    """The newest of them, the oldest first."""

    def __init__(self) -> None:
        self._kept: dict[ConnectionId, Ended] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def note(self, connection_id: ConnectionId, ended: Ended) -> None:
        """Keep one, at the cost of the oldest where there are too many."""
        self._kept[connection_id] = ended
        own = [name for name, its in self._kept.items() if its.principal == ended.principal]
        if len(own) > KEPT_OF_ONE_MAX:
            del self._kept[own[0]]
        elif len(self._kept) > KEPT_MAX:
            del self._kept[next(iter(self._kept))]

    def find(
        self, connection_id: ConnectionId, principal: Principal, *, now: float
    ) -> Ended | None:
        """Return how it ended, if it was this principal's."""
        ended = self._kept.get(connection_id)
        if ended is None or ended.principal != principal or now >= ended.ended_at + KEPT_S:
            return None
        return ended

    def forget_old(self, *, now: float) -> None:
        """Drop those that nobody will ask for any more."""
        while self._kept and now >= next(iter(self._kept.values())).ended_at + KEPT_S:
            del self._kept[next(iter(self._kept))]


def fault_of(ended: Ended | None, *, idle_s: float, absolute_s: float) -> Fault:
    """Return what somebody hears who asks for a lease that is not there."""
    if ended is None:
        return Fault(code=FaultCode.INVALID_CONNECTION)
    over_s = idle_s if ended.reason == "idle" else absolute_s
    is_brought = ended.connection.startswith(DYNAMIC)
    tool = "connect_storage" if is_brought else "connect_named_storage"
    return Fault(
        code=FaultCode.CONNECTION_EXPIRED,
        message=_WORDS[ended.reason].format(span(over_s)),
        hint=f"Call {tool} again to get a new connection_id.",
    )


def span(seconds: float) -> str:
    """Return a length of time in the largest unit that says it exactly, to the second."""
    whole = max(1, round(seconds))
    size, name = next((one for one in _UNITS if whole % one[0] == 0), _UNITS[-1])
    count = whole // size
    return f"{count} {name}{'' if count == 1 else 's'}"
