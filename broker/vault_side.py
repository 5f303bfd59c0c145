"""The vault as dispatch sees it: who it is at the moment, and what it is asked; pure.

While there is none, nothing is said: what must be asked waits for the next one.
"""

from broker.commands import Command, TellVault
from broker.grant_cache import GrantCache
from broker.in_flight import Flight, InFlight, Place
from broker.questions import end_lease, mint_grants, question
from broker.usage import Usages
from broker.workers import Workers
from wire.messages import ConnectionStatus, Request, ToVault, Used
from wire.names import ConnectionId, Incarnation, Principal
from wire.usage import Usage


class VaultSide:
    """Says things to whichever vault there is."""

    def __init__(
        self, in_flight: InFlight, workers: Workers, cache: GrantCache, usages: Usages
    ) -> None:
        self._in_flight = in_flight
        self._workers = workers
        self._cache = cache
        self._usages = usages
        self._vault: Incarnation | None = None

    @property
    def is_here(self) -> bool:
        """Return whether there is one."""
        return self._vault is not None

    def arrived(self, vault: Incarnation) -> list[Flight]:
        """Note who it is now, and return the requests that it is to be asked for."""
        if self._vault is not None:
            self.lost(self._vault)
        self._vault = vault
        return self._in_flight.where(lambda flight: flight.place is Place.FOR_VAULT)

    def lost(self, vault: Incarnation) -> None:
        """Keep what it was asked for the next one."""
        if vault != self._vault:
            return
        self._vault = None
        for flight in self._in_flight.where(lambda flight: flight.place is Place.AT_VAULT):
            flight.is_repeated = True
            self._in_flight.move(flight, Place.FOR_VAULT)
            if not flight.is_wanted:
                self._in_flight.remove(flight)

    def tell(self, *messages: ToVault) -> list[Command]:
        """Say this to the vault, or to nobody."""
        vault = self._vault
        return [] if vault is None else [TellVault(vault, message) for message in messages]

    def ask(self, flight: Flight, *, now: float) -> list[Command]:
        """Ask what the request in *flight* needs, or have it wait for the next vault."""
        if self._vault is None:
            self._in_flight.move(flight, Place.FOR_VAULT)
            return []
        self._in_flight.move(flight, Place.AT_VAULT)
        usage = self._usage(flight.asked, now)
        return self.tell(question(flight, self._workers.names(), usage))

    def _usage(self, asked: Request, now: float) -> Usage:
        if not isinstance(asked, ConnectionStatus):
            return Usage()
        who, lease = asked.principal, asked.connection_id
        running, waiting = self._in_flight.statements_of(lease, who)
        return self._usages.of(lease, who, running=running, waiting=waiting, now=now)

    def end_lease(self, principal: Principal, connection_id: ConnectionId) -> list[Command]:
        """End a lease whose id nobody learned, or whose file does not open."""
        return self.tell(end_lease(self._in_flight.new_number(), principal, connection_id))

    def renew(self, *, now: float) -> list[Command]:
        """Ask for grants in the second half of their life, and say which leases were used."""
        if self._vault is None:
            return []
        for flight in self._in_flight.where(lambda flight: flight.place is Place.RUNNING):
            if flight.lease is not None:
                # A lease does not idle while its statement runs.
                self._cache.use(flight.lease)
        executors = self._workers.names()
        messages: list[ToVault] = [
            mint_grants(self._in_flight.new_number(), principal, connection_id, executors)
            for connection_id, principal in self._cache.due(now=now)
        ]
        if used := self._cache.take_used():
            messages.append(Used(connection_ids=used))
        return self.tell(*messages)
