"""The requests in flight: each in one place, found by its run or by its origin; pure."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from wire.messages import Connect, Disconnect, Execute, ListConnections
from wire.names import Incarnation, RequestId, RunId

Asked: TypeAlias = Connect | Execute | Disconnect | ListConnections


class Place(Enum):
    """Where a request is."""

    FOR_VAULT = auto()
    AT_VAULT = auto()
    FOR_SLOT = auto()
    RUNNING = auto()


@dataclass(slots=True)
class Request:
    """One request and where it is."""

    run_id: RunId
    gateway: Incarnation
    asked: Asked
    payload: bytes
    deadline: float
    place: Place = Place.FOR_VAULT
    executor: Incarnation | None = None
    is_second_try: bool = False
    is_repeated: bool = False
    """True when a vault that died may have carried it out already."""
    is_wanted: bool = True
    """False when nobody waits for the answer any more."""


class InFlight:
    """All requests that have no answer yet."""

    def __init__(self) -> None:
        self._requests: dict[RunId, Request] = {}
        self._by_origin: dict[tuple[Incarnation, RequestId], RunId] = {}
        self._for_slot: dict[RunId, Request] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._requests)

    def new_number(self) -> RunId:
        """Return a run id that was never used."""
        return RunId(next(self._numbers))

    def add(
        self, gateway: Incarnation, asked: Asked, payload: bytes, *, deadline: float
    ) -> Request | None:
        """Take a request in; return None when its gateway has used its id already."""
        origin = (gateway, asked.request_id)
        if origin in self._by_origin:
            return None
        request = Request(self.new_number(), gateway, asked, payload, deadline)
        self._by_origin[origin] = request.run_id
        self._requests[request.run_id] = request
        return request

    def get(self, run_id: RunId) -> Request | None:
        """Return the request, if it is still in flight."""
        return self._requests.get(run_id)

    def of_origin(self, gateway: Incarnation, request_id: RequestId) -> Request | None:
        """Return the request that a gateway knows by this id."""
        run_id = self._by_origin.get((gateway, request_id))
        return None if run_id is None else self._requests.get(run_id)

    def move(self, request: Request, place: Place) -> None:
        """Note where a request is; one that waits for a slot already keeps its turn."""
        if place is Place.FOR_SLOT:
            self._for_slot.setdefault(request.run_id, request)
        else:
            self._for_slot.pop(request.run_id, None)
        request.place = place

    def first_for_slot(self) -> Request | None:
        """Return the request that has waited longest for a slot."""
        return next(iter(self._for_slot.values()), None)

    def remove(self, request: Request) -> None:
        """Forget a request: it is answered, or nobody waits for it."""
        self._for_slot.pop(request.run_id, None)
        del self._requests[request.run_id]
        del self._by_origin[(request.gateway, request.asked.request_id)]

    def where(self, condition: Callable[[Request], bool]) -> list[Request]:
        """Return the requests for which *condition* holds, oldest first."""
        return [request for request in self._requests.values() if condition(request)]
