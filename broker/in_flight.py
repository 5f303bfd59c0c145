"""The requests in flight: each in one place, found by its run or by its origin; pure."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from broker.payloads import Payloads
from broker.shares import Limits, Shares
from broker.turns import Turns
from broker.workers import KINDS, Kind
from wire.faults import Fault, FaultCode
from wire.messages import Execute, Request
from wire.names import ConnectionId, Incarnation, Principal, RequestId, RunId

TRIALS_MAX: Final = 3
"""All file executors may die at once, and the next of them too."""


class Place(Enum):
    """Where a request is."""

    FOR_VAULT = auto()
    AT_VAULT = auto()
    FOR_SLOT = auto()
    RUNNING = auto()


class Trial(NamedTuple):
    """A new lease on a file, whose id nobody gets before an executor has opened the file."""

    connection_id: ConnectionId
    answer: bytes
    """What the client reads if it opens."""


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
    runs_on: Kind = "executor"
    trial: Trial | None = None
    tries_again: int = 0
    """How often it was run once more, because its executor died."""
    is_repeated: bool = False
    """True when a vault that died may have carried it out already."""
    is_wanted: bool = True
    """False when nobody waits for the answer any more."""

    @property
    def lease(self) -> ConnectionId | None:
        """Return the lease under which something is to run, None for any other request."""
        if isinstance(self.asked, Execute):
            return self.asked.connection_id
        return None if self.trial is None else self.trial.connection_id

    @property
    def is_second_try(self) -> bool:
        """Return whether an executor has died of it, or with it, already."""
        return self.tries_again > 0

    def try_again(self, *, is_read_only: bool, now: float) -> bool:
        """Return whether what died with its executor is run once more, and count that.

        Opening a file changes nothing, but a file that ends executors is not opened for ever.
        """
        most = TRIALS_MAX if self.trial is not None else int(is_read_only)
        if not self.is_wanted or self.tries_again >= most or now >= self.deadline:
            return False
        self.tries_again += 1
        return True

    def may_be_done(self) -> bool:
        """Return whether a vault, living or dead, may have done what was asked."""
        # For a statement it is asked for no more than grants.
        is_known_there = self.place is Place.AT_VAULT or self.is_repeated
        return is_known_there and not isinstance(self.asked, Execute)


class InFlight:
    """All requests that have no answer yet."""

    def __init__(self, limits: Limits) -> None:
        self._shares = Shares(limits)
        self._payloads = Payloads()
        self._flights: dict[RunId, Flight] = {}
        self._by_origin: dict[tuple[Incarnation, RequestId], RunId] = {}
        self._for_slot: dict[Kind, Turns] = {kind: Turns() for kind in KINDS}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._flights)

    def new_number(self) -> RunId:
        """Return a run id that was never used."""
        return RunId(next(self._numbers))

    def add(
        self, gateway: Incarnation, asked: Request, payload: bytes, *, deadline: float
    ) -> Flight | Fault:
        """Take a request in, or say which limit it exceeds; one of a known id is refused too."""
        origin = (gateway, asked.request_id)
        if origin in self._by_origin:
            return Fault(code=FaultCode.OVERLOADED)
        who, size_bytes = asked.principal, len(payload)
        refusal = self._shares.refusal(asked) or self._payloads.refusal(who, size_bytes)
        if refusal is not None:
            return refusal
        self._shares.take(asked)
        self._payloads.take(who, size_bytes)
        flight = Flight(self.new_number(), gateway, asked, payload, deadline)
        self._by_origin[origin] = flight.run_id
        self._flights[flight.run_id] = flight
        return flight

    def get(self, run_id: RunId) -> Flight | None:
        """Return the request, if it is still in flight."""
        return self._flights.get(run_id)

    def at_vault(self, run_id: RunId) -> Flight | None:
        """Return the request, if it is the vault's turn to answer it."""
        flight = self._flights.get(run_id)
        return flight if flight is not None and flight.place is Place.AT_VAULT else None

    def of_origin(self, gateway: Incarnation, request_id: RequestId) -> Flight | None:
        """Return the request that a gateway knows by this id."""
        run_id = self._by_origin.get((gateway, request_id))
        return None if run_id is None else self._flights.get(run_id)

    def move(self, flight: Flight, place: Place) -> None:
        """Note where a request is; one that waits for a slot already keeps its turn."""
        turns = self._for_slot[flight.runs_on]
        if place is Place.FOR_SLOT:
            turns.join(flight.run_id, flight.asked.principal)
        else:
            turns.leave(flight.run_id, flight.asked.principal)
        flight.place = place

    def first_for_slot(self, kind: Kind = "executor") -> Flight | None:
        """Return the request whose turn it is to get a slot of that kind."""
        run_id = self._for_slot[kind].first()
        return None if run_id is None else self._flights[run_id]

    def statements_of(self, lease: ConnectionId, principal: Principal) -> tuple[int, int]:
        """Return how many statements of a lease run, and how many wait."""
        places = [
            flight.place
            for flight in self._flights.values()
            if isinstance(flight.asked, Execute)
            if flight.lease == lease and flight.asked.principal == principal
        ]
        running = places.count(Place.RUNNING)
        return running, len(places) - running

    def hand_on(self, flight: Flight, *, is_kept: bool) -> bytes:
        """Return what is to be run; without *is_kept* for the last time."""
        payload = flight.payload
        if not is_kept:
            self._payloads.give_back(flight.asked.principal, len(payload))
            flight.payload = b""
        return payload

    def remove(self, flight: Flight) -> None:
        """Forget a request: it is answered, or nobody waits for it."""
        self._for_slot[flight.runs_on].leave(flight.run_id, flight.asked.principal)
        self._shares.give_back(flight.asked)
        self._payloads.give_back(flight.asked.principal, len(flight.payload))
        del self._flights[flight.run_id]
        del self._by_origin[(flight.gateway, flight.asked.request_id)]

    def count(self, place: Place) -> int:
        """Return how many requests are there."""
        return sum(flight.place is place for flight in self._flights.values())

    def where(self, condition: Callable[[Flight], bool]) -> list[Flight]:
        """Return the requests for which *condition* holds, oldest first."""
        return [flight for flight in self._flights.values() if condition(flight)]
