"""What `strongroom status` shows of the router: requests, executors, usage of leases; pure."""

from collections import Counter
from typing import Final

from broker.in_flight import InFlight, Place
from broker.usage import Usages
from broker.workers import Workers
from wire.messages import Execute
from wire.names import ConnectionId
from wire.status import SHOWN_CHARACTERS, ExecutorRow, RequestCounts, RouterReport, UsageRow

SHOWN_MAX: Final = 300
"""Twice what the vault shows of leases: the two do not agree to the moment on who was last."""

EXECUTORS_MAX: Final = 128


def report(in_flight: InFlight, workers: Workers, usages: Usages, *, now: float) -> RouterReport:
    """Return the report of this moment."""
    running, waiting = _statements(in_flight)
    return RouterReport(
        usages=tuple(
            UsageRow(
                id=lease[:SHOWN_CHARACTERS],
                usage=usages.shown(lease, running=running[lease], waiting=waiting[lease], now=now),
            )
            for lease in usages.newest(SHOWN_MAX)
        ),
        usages_total=len(usages),
        requests=RequestCounts(
            running=in_flight.count(Place.RUNNING),
            for_slot=in_flight.count(Place.FOR_SLOT),
            for_vault=in_flight.count(Place.FOR_VAULT),
            at_vault=in_flight.count(Place.AT_VAULT),
        ),
        executors=tuple(
            ExecutorRow(name=name, running=runs, slots=slots)
            for name, runs, slots in workers.loads()[:EXECUTORS_MAX]
        ),
    )


def _statements(in_flight: InFlight) -> tuple[Counter[ConnectionId], Counter[ConnectionId]]:
    """Return how many statements run and wait under each lease."""
    running, waiting = Counter[ConnectionId](), Counter[ConnectionId]()
    for flight in in_flight.where(lambda flight: isinstance(flight.asked, Execute)):
        if flight.lease is not None:
            counted = running if flight.place is Place.RUNNING else waiting
            counted[flight.lease] += 1
    return running, waiting
