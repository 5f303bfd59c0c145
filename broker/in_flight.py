"""The requests in flight: each in one place, found by its run or by its origin; pure."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from wire.messages import Execute, Request
from wire.names import ConnectionId, Incarnation, RequestId, RunId


class Place(Enum):
    """Where a request is."""

    FOR_VAULT = auto()
    AT_VAULT = auto()
    FOR_SLOT = auto()
    RUNNING = auto()


@dataclass(slots=True)
class Flight:
    """One request and where it is."""

    run_id: RunId
    gateway: Incarnation
    asked: Request
    payload: bytes
    deadline: float
    place: Place = Place.FOR_VAULT
    executor: Incarnation | None = None
    is_second_try: bool = False
    is_repeated: bool = False
    """True when a vault that died may have carried it out already."""
    is_wanted: bool = True
    """False when nobody waits for the answer any more."""

    @property
    def lease(self) -> ConnectionId | None:
        """Return the lease under which a statement is to run, None for any other request."""
        return self.asked.connection_id if isinstance(self.asked, Execute) else None

    def may_be_done(self) -> bool:
        """Return whether a vault, living or dead, may have done what was asked."""
        # For a statement it is asked for no more than grants.
        is_known_there = self.place is Place.AT_VAULT or self.is_repeated
        return is_known_there and not isinstance(self.asked, Execute)


class InFlight:
    """All requests that have no answer yet."""

    def __init__(self, *, waiting_max: int) -> None:
        self._waiting_max = waiting_max
        self._flights: dict[RunId, Flight] = {}
        self._by_origin: dict[tuple[Incarnation, RequestId], RunId] = {}
        self._for_slot: dict[RunId, Flight] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._flights)

    def new_number(self) -> RunId:
        """Return a run id that was never used."""
        return RunId(next(self._numbers))

    def add(
        self, gateway: Incarnation, asked: Request, payload: bytes, *, deadline: float
    ) -> Flight | None:
        """Take a request in; return None if there are too many, or one of its id already."""
        origin = (gateway, asked.request_id)
        if len(self) >= self._waiting_max or origin in self._by_origin:
            return None
        flight = Flight(self.new_number(), gateway, asked, payload, deadline)
        self._by_origin[origin] = flight.run_id
        self._flights[flight.run_id] = flight
        return flight

    def get(self, run_id: RunId) -> Flight | None:
        """Return the request, if it is still in flight."""
        return self._flights.get(run_id)

    def of_origin(self, gateway: Incarnation, request_id: RequestId) -> Flight | None:
        """Return the request that a gateway knows by this id."""
        run_id = self._by_origin.get((gateway, request_id))
        return None if run_id is None else self._flights.get(run_id)

    def move(self, flight: Flight, place: Place) -> None:
        """Note where a request is; one that waits for a slot already keeps its turn."""
        if place is Place.FOR_SLOT:
            self._for_slot.setdefault(flight.run_id, flight)
        else:
            self._for_slot.pop(flight.run_id, None)
        flight.place = place

    def first_for_slot(self) -> Flight | None:
        """Return the request that has waited longest for a slot."""
        return next(iter(self._for_slot.values()), None)

    def remove(self, flight: Flight) -> None:
        """Forget a request: it is answered, or nobody waits for it."""
        self._for_slot.pop(flight.run_id, None)
        del self._flights[flight.run_id]
        del self._by_origin[(flight.gateway, flight.asked.request_id)]

    def where(self, condition: Callable[[Flight], bool]) -> list[Flight]:
        """Return the requests for which *condition* holds, oldest first."""
        return [flight for flight in self._flights.values() if condition(flight)]
