"""Decide which executor runs which request, and what becomes of it; touch no socket.

A request is in one place at a time: waiting (for the vault or a free slot), at the vault, running
on one executor, or answered. An executor that dies takes its request with it: nothing is run
twice, because nobody knows how far the statement got, unless the lease is read-only: then once
more.
"""

from typing import Final

from broker.commands import Command, EndExecutor, TellExecutor, TellGateway, TellVault
from broker.grant_cache import GrantCache, Held
from broker.in_flight import Flight, InFlight, Place
from broker.outcomes import given_up
from broker.questions import end_lease, mint_grants, question, run
from broker.workers import Workers
from wire.faults import Fault, FaultCode
from wire.messages import (
    Answer,
    Cancel,
    Disconnect,
    Execute,
    Failed,
    FromGateway,
    Granted,
    Hello,
    LeaseEnded,
    Refused,
    Request,
    Settled,
    Stop,
    ToVault,
    Used,
)
from wire.names import ConnectionId, Incarnation, RunId
from wire.results import success

OVERDUE_S: Final = 3.0
"""An executor keeps a run's deadline by itself; one that is so late does not work any more."""


class Dispatch:
    """All requests in flight, and who could run them."""

    def __init__(self, *, waiting_max: int) -> None:
        self._in_flight = InFlight(waiting_max=waiting_max)
        self._workers = Workers()
        self._cache = GrantCache()
        self._vault: Incarnation | None = None

    def from_gateway(
        self, gateway: Incarnation, message: FromGateway, payload: bytes, *, now: float
    ) -> list[Command]:
        """Take a request, or the news that nobody waits for it."""
        match message:
            case Hello():
                return []
            case Cancel(request_id=request_id):
                flight = self._in_flight.of_origin(gateway, request_id)
                return [] if flight is None else self._unwanted(flight)
            case _:
                return self._arrived(gateway, message, payload, now)

    def _arrived(
        self, gateway: Incarnation, asked: Request, payload: bytes, now: float
    ) -> list[Command]:
        deadline = now + asked.deadline_ms / 1000
        flight = self._in_flight.add(gateway, asked, payload, deadline=deadline)
        if flight is None:
            fault = Fault(code=FaultCode.OVERLOADED)
            return [TellGateway(gateway, Failed(request_id=asked.request_id, fault=fault))]
        return self._place(flight, now)

    def gateway_lost(self, gateway: Incarnation) -> list[Command]:
        """Stop what nobody waits for any more."""
        gone = self._in_flight.where(lambda flight: flight.gateway == gateway)
        return [command for flight in gone for command in self._unwanted(flight)]

    def _unwanted(self, flight: Flight) -> list[Command]:
        flight.is_wanted = False
        if flight.place is Place.RUNNING and flight.executor is not None:
            return [TellExecutor(flight.executor, Stop(run_id=flight.run_id))]
        if flight.place is not Place.AT_VAULT:
            self._in_flight.remove(flight)
        return []

    def _place(self, flight: Flight, now: float) -> list[Command]:
        """Move a request on: to an executor, to the vault, or into a queue."""
        if not isinstance(flight.asked, Execute):
            return self._ask_vault(flight)
        held = self._cache.find(flight.asked.connection_id, now=now)
        if held is None:
            return self._ask_vault(flight)
        if held.pool.principal != flight.asked.principal:
            return self._fail(flight, Fault(code=FaultCode.INVALID_CONNECTION))
        executor = self._choose(held)
        if executor is None:
            self._in_flight.move(flight, Place.FOR_SLOT)
            return []
        if executor not in held.grants:
            return self._ask_vault(flight)
        self._cache.use(flight.asked.connection_id)
        self._workers.start(executor, flight.run_id, held.pool)
        self._in_flight.move(flight, Place.RUNNING)
        flight.executor = executor
        order = run(flight, flight.asked, held, executor, now=now)
        flight.deadline = now + order.deadline_ms / 1000
        return [TellExecutor(executor, order, flight.payload)]

    def _choose(self, held: Held) -> Incarnation | None:
        executor = self._workers.choose(held.pool)
        if executor is None or executor in held.grants or self._vault is not None:
            return executor
        # No vault to ask for this one's grant: a busier executor that has one is the better choice.
        return self._workers.choose(held.pool, among=held.grants) or executor

    def _ask_vault(self, flight: Flight) -> list[Command]:
        if self._vault is None:
            self._in_flight.move(flight, Place.FOR_VAULT)
            return []
        self._in_flight.move(flight, Place.AT_VAULT)
        return self._tell_vault(question(flight, self._workers.names()))

    def _tell_vault(self, *messages: ToVault) -> list[Command]:
        vault = self._vault
        return [] if vault is None else [TellVault(vault, message) for message in messages]

    def _place_waiting(self, now: float) -> list[Command]:
        """Give free slots to those that have waited longest."""
        commands: list[Command] = []
        while (flight := self._in_flight.first_for_slot()) is not None:
            commands += self._place(flight, now)
            if self._in_flight.first_for_slot() is flight:
                break
        return commands

    def executor_arrived(self, executor: Incarnation, slots: int, *, now: float) -> list[Command]:
        """Give a new executor what waits; one that greets twice has forgotten what it ran."""
        lost = self.executor_lost(executor, now=now)
        self._workers.arrive(executor, slots)
        return lost + self._place_waiting(now)

    def executor_lost(self, executor: Incarnation, *, now: float) -> list[Command]:
        """Answer for what an executor was running."""
        return [
            command
            for run_id in self._workers.leave(executor)
            if (flight := self._in_flight.get(run_id)) is not None
            for command in self._lost_with_executor(flight, now)
        ]

    def _lost_with_executor(self, flight: Flight, now: float) -> list[Command]:
        flight.executor = None
        held = None if flight.lease is None else self._cache.find(flight.lease, now=now)
        is_harmless = held is not None and held.pool.access == "read-only"
        if is_harmless and flight.is_wanted and not flight.is_second_try:
            flight.is_second_try = True
            return self._place(flight, now)
        return self._fail(flight, Fault(code=FaultCode.EXECUTOR_LOST, may_have_run=True))

    def ran(
        self, executor: Incarnation, run_id: RunId, payload: bytes, *, now: float
    ) -> list[Command]:
        """Pass a result on, and use the slot for the next."""
        if not self._workers.end(executor, run_id):
            return []
        flight = self._in_flight.get(run_id)
        if flight is None:
            return self._place_waiting(now)
        if flight.lease is not None:
            self._cache.use(flight.lease)
        return self._answer(flight, payload) + self._place_waiting(now)

    def vault_arrived(self, vault: Incarnation, *, now: float) -> list[Command]:
        """Ask a new vault what the last one did not answer."""
        if self._vault is not None:
            self.vault_lost(self._vault)
        self._vault = vault
        waiting = self._in_flight.where(lambda flight: flight.place is Place.FOR_VAULT)
        return [command for flight in waiting for command in self._place(flight, now)]

    def vault_lost(self, vault: Incarnation) -> list[Command]:
        """Keep what was asked for the next vault; leases and grants go on."""
        if vault != self._vault:
            return []
        self._vault = None
        for flight in self._in_flight.where(lambda flight: flight.place is Place.AT_VAULT):
            flight.is_repeated = True
            self._in_flight.move(flight, Place.FOR_VAULT)
            if not flight.is_wanted:
                self._in_flight.remove(flight)
        return []

    def from_vault(
        self, message: Granted | Settled | Refused | LeaseEnded, payload: bytes, *, now: float
    ) -> list[Command]:
        """Take an answer, or the end of a lease."""
        match message:
            case Granted():
                return self._granted(message, payload, now)
            case LeaseEnded(connection_id=connection_id):
                return self._lease_ended(connection_id)
            case Settled(run_id=run_id):
                flight = self._at_vault(run_id)
                return [] if flight is None else self._answer(flight, payload)
            case Refused(run_id=run_id, fault=fault):
                flight = self._at_vault(run_id)
                return [] if flight is None else self._refused(flight, fault)

    def _at_vault(self, run_id: RunId) -> Flight | None:
        flight = self._in_flight.get(run_id)
        return flight if flight is not None and flight.place is Place.AT_VAULT else None

    def _granted(self, granted: Granted, payload: bytes, now: float) -> list[Command]:
        flight = self._at_vault(granted.run_id)
        if flight is not None and not flight.is_wanted:
            self._in_flight.remove(flight)
            flight = None
        if flight is None and granted.opened:
            # Nobody will ever learn the new id, so nobody would end the lease.
            return self._tell_vault(end_lease(self._in_flight.new_number(), granted))
        self._cache.store(granted, now=now)
        if flight is None:
            return []
        return self._answer(flight, payload) if granted.opened else self._place(flight, now)

    def _refused(self, flight: Flight, fault: Fault) -> list[Command]:
        asked, is_invalid = flight.asked, fault.code is FaultCode.INVALID_CONNECTION
        if not (is_invalid and isinstance(asked, Execute | Disconnect)):
            return self._fail(flight, fault)
        commands: list[Command] = []
        if self._cache.is_of(asked.connection_id, asked.principal):
            # It ended without our hearing: the vault that ended it died before it said so.
            commands = self._lease_ended(asked.connection_id)
        if flight.is_repeated and isinstance(asked, Disconnect):
            return commands + self._answer(flight, success({}))
        return commands + self._fail(flight, fault)

    def _lease_ended(self, connection_id: ConnectionId) -> list[Command]:
        pool = self._cache.forget(connection_id)
        if pool is not None:
            self._workers.cool(pool)
        return [
            TellExecutor(flight.executor, Stop(run_id=flight.run_id))
            for flight in self._in_flight.where(lambda flight: flight.lease == connection_id)
            if flight.executor is not None
        ]

    def tick(self, *, now: float) -> list[Command]:
        """Answer what waited too long, end executors that are overdue, renew grants."""
        commands: list[Command] = []
        for flight in self._in_flight.where(lambda flight: now >= flight.deadline):
            if flight.place is not Place.RUNNING:
                fault = given_up(flight.asked, may_be_done=flight.may_be_done())
                commands += self._fail(flight, fault)
            elif now >= flight.deadline + OVERDUE_S and (late := flight.executor) is not None:
                commands += [EndExecutor(late)] if self._workers.mark_overdue(late) else []
        self._cache.forget_expired(now=now)
        return commands + self._renew(now)

    def _renew(self, now: float) -> list[Command]:
        if self._vault is None:
            return []
        for flight in self._in_flight.where(lambda flight: flight.place is Place.RUNNING):
            if flight.lease is not None:
                # A lease does not idle while its statement runs.
                self._cache.use(flight.lease)
        executors = self._workers.names()
        messages: list[ToVault] = [
            mint_grants(self._in_flight.new_number(), *lease, executors)
            for lease in self._cache.due(now=now)
        ]
        if used := self._cache.take_used():
            messages.append(Used(connection_ids=used))
        return self._tell_vault(*messages)

    def _answer(self, flight: Flight, payload: bytes) -> list[Command]:
        self._in_flight.remove(flight)
        answer = Answer(request_id=flight.asked.request_id)
        return [TellGateway(flight.gateway, answer, payload)] if flight.is_wanted else []

    def _fail(self, flight: Flight, fault: Fault) -> list[Command]:
        self._in_flight.remove(flight)
        failed = Failed(request_id=flight.asked.request_id, fault=fault)
        return [TellGateway(flight.gateway, failed)] if flight.is_wanted else []
