"""Decide which executor runs which request, and what becomes of it; touch no socket.

A request is in one place at a time: waiting (for the vault or a free slot), at the vault, running
on one executor, or answered. An executor that dies takes its request with it: nothing is run
twice, because nobody knows how far the statement got, unless the lease is read-only: then once
more.
"""

from typing import Final

from broker.commands import Command, EndExecutor, TellExecutor, TellGateway, TellVault
from broker.grant_cache import GrantCache, Held
from broker.in_flight import Asked, InFlight, Place, Request
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
    FromVault,
    Granted,
    Hello,
    LeaseEnded,
    Refused,
    Settled,
    Stop,
    Used,
)
from wire.names import ConnectionId, Incarnation, RunId
from wire.results import success

OVERDUE_S: Final = 3.0
"""An executor keeps a run's deadline by itself; one that is so late does not work any more."""


class Dispatch:
    """All requests in flight, and who could run them."""

    def __init__(self, *, waiting_max: int) -> None:
        self._waiting_max = waiting_max
        self._in_flight = InFlight()
        self._workers = Workers()
        self._cache = GrantCache()
        self._vault: Incarnation | None = None

    # --- gateways ----------------------------------------------------------------------------

    def from_gateway(
        self, gateway: Incarnation, message: FromGateway, payload: bytes, *, now: float
    ) -> list[Command]:
        """Take a request, or the news that nobody waits for it."""
        match message:
            case Hello():
                return []
            case Cancel(request_id=request_id):
                request = self._in_flight.of_origin(gateway, request_id)
                return [] if request is None else self._unwanted(request)
            case _:
                return self._arrived(gateway, message, payload, now)

    def _arrived(
        self, gateway: Incarnation, asked: Asked, payload: bytes, now: float
    ) -> list[Command]:
        request = None
        if len(self._in_flight) < self._waiting_max:
            deadline = now + asked.deadline_ms / 1000
            request = self._in_flight.add(gateway, asked, payload, deadline=deadline)
        if request is None:
            fault = Fault(code=FaultCode.OVERLOADED)
            return [TellGateway(gateway, Failed(request_id=asked.request_id, fault=fault))]
        return self._place(request, now)

    def gateway_lost(self, gateway: Incarnation) -> list[Command]:
        """Stop what nobody waits for any more."""
        gone = self._in_flight.where(lambda request: request.gateway == gateway)
        return [command for request in gone for command in self._unwanted(request)]

    def _unwanted(self, request: Request) -> list[Command]:
        request.is_wanted = False
        if request.place is Place.RUNNING and request.executor is not None:
            return [TellExecutor(request.executor, Stop(run_id=request.run_id))]
        if request.place is not Place.AT_VAULT:
            self._in_flight.remove(request)
        return []

    # --- placing a request -------------------------------------------------------------------

    def _place(self, request: Request, now: float) -> list[Command]:
        """Move a request on: to an executor, to the vault, or into a queue."""
        if not isinstance(request.asked, Execute):
            return self._ask_vault(request)
        held = self._cache.find(request.asked.connection_id, now=now)
        if held is None:
            return self._ask_vault(request)
        if held.pool.principal != request.asked.principal:
            return self._fail(request, Fault(code=FaultCode.INVALID_CONNECTION))
        executor = self._choose(held)
        if executor is None:
            self._in_flight.move(request, Place.FOR_SLOT)
            return []
        if executor not in held.grants:
            return self._ask_vault(request)
        self._cache.use(request.asked.connection_id)
        self._workers.start(executor, request.run_id, held.pool)
        self._in_flight.move(request, Place.RUNNING)
        request.executor = executor
        order = run(request, request.asked, held, executor, now=now)
        request.deadline = now + order.deadline_ms / 1000
        return [TellExecutor(executor, order, request.payload)]

    def _choose(self, held: Held) -> Incarnation | None:
        executor = self._workers.choose(held.pool)
        if executor is None or executor in held.grants or self._vault is not None:
            return executor
        # No vault to ask for this one's grant: a busier executor that has one is the better choice.
        return self._workers.choose(held.pool, among=held.grants) or executor

    def _ask_vault(self, request: Request) -> list[Command]:
        if self._vault is None:
            self._in_flight.move(request, Place.FOR_VAULT)
            return []
        self._in_flight.move(request, Place.AT_VAULT)
        return [TellVault(question(request, self._workers.names()))]

    def _place_waiting(self, now: float) -> list[Command]:
        """Give free slots to those that have waited longest."""
        commands: list[Command] = []
        while (request := self._in_flight.first_for_slot()) is not None:
            commands += self._place(request, now)
            if self._in_flight.first_for_slot() is request:
                break
        return commands

    # --- executors ---------------------------------------------------------------------------

    def executor_arrived(self, executor: Incarnation, slots: int, *, now: float) -> list[Command]:
        """Give a new executor what waits; one that greets twice has forgotten what it ran."""
        lost = self.executor_lost(executor, now=now)
        self._workers.arrive(executor, slots)
        return lost + self._place_waiting(now)

    def executor_lost(self, executor: Incarnation, *, now: float) -> list[Command]:
        """Answer for what an executor was running."""
        lost = [self._in_flight.get(run_id) for run_id in self._workers.leave(executor)]
        return [
            command
            for request in lost
            if request is not None
            for command in self._lost_with_executor(request, now)
        ]

    def _lost_with_executor(self, request: Request, now: float) -> list[Command]:
        request.executor = None
        held = None
        if isinstance(request.asked, Execute):
            held = self._cache.find(request.asked.connection_id, now=now)
        is_harmless = held is not None and held.pool.access == "read-only"
        if is_harmless and request.is_wanted and not request.is_second_try:
            request.is_second_try = True
            return self._place(request, now)
        return self._fail(request, Fault(code=FaultCode.EXECUTOR_LOST, may_have_run=True))

    def ran(
        self, executor: Incarnation, run_id: RunId, payload: bytes, *, now: float
    ) -> list[Command]:
        """Pass a result on, and use the slot for the next."""
        if not self._workers.end(executor, run_id):
            return []
        request = self._in_flight.get(run_id)
        commands: list[Command] = []
        if request is not None:
            if isinstance(request.asked, Execute):
                self._cache.use(request.asked.connection_id)
            commands = self._answer(request, payload)
        return commands + self._place_waiting(now)

    # --- the vault ---------------------------------------------------------------------------

    def vault_arrived(self, vault: Incarnation, *, now: float) -> list[Command]:
        """Ask a new vault what the last one did not answer."""
        self.vault_lost()
        self._vault = vault
        waiting = self._in_flight.where(lambda request: request.place is Place.FOR_VAULT)
        return [command for request in waiting for command in self._place(request, now)]

    def vault_lost(self) -> list[Command]:
        """Keep what was asked for the next vault; leases and grants go on."""
        self._vault = None
        for request in self._in_flight.where(lambda request: request.place is Place.AT_VAULT):
            request.is_repeated = True
            self._in_flight.move(request, Place.FOR_VAULT)
            if not request.is_wanted:
                self._in_flight.remove(request)
        return []

    def from_vault(self, message: FromVault, payload: bytes, *, now: float) -> list[Command]:
        """Take an answer, or the end of a lease."""
        match message:
            case Hello():
                return []
            case Granted():
                return self._granted(message, payload, now)
            case LeaseEnded(connection_id=connection_id):
                return self._lease_ended(connection_id)
            case Settled(run_id=run_id):
                request = self._at_vault(run_id)
                return [] if request is None else self._answer(request, payload)
            case Refused(run_id=run_id, fault=fault):
                request = self._at_vault(run_id)
                return [] if request is None else self._refused(request, fault)

    def _at_vault(self, run_id: RunId) -> Request | None:
        request = self._in_flight.get(run_id)
        return request if request is not None and request.place is Place.AT_VAULT else None

    def _granted(self, granted: Granted, payload: bytes, now: float) -> list[Command]:
        request = self._at_vault(granted.run_id)
        if request is not None and not request.is_wanted:
            self._in_flight.remove(request)
            request = None
        if request is None and granted.opened:
            # Nobody will ever learn the new id, so nobody would end the lease.
            return [TellVault(end_lease(self._in_flight.new_number(), granted))]
        self._cache.store(granted, now=now)
        if request is None:
            return []
        return self._answer(request, payload) if granted.opened else self._place(request, now)

    def _refused(self, request: Request, fault: Fault) -> list[Command]:
        asked = request.asked
        if fault.code is not FaultCode.INVALID_CONNECTION or not isinstance(
            asked, Execute | Disconnect
        ):
            return self._fail(request, fault)
        commands: list[Command] = []
        if self._cache.is_of(asked.connection_id, asked.principal):
            # It ended without our hearing: the vault that ended it died before it said so.
            commands = self._lease_ended(asked.connection_id)
        if request.is_repeated and isinstance(asked, Disconnect):
            return commands + self._answer(request, success({}))
        return commands + self._fail(request, fault)

    def _lease_ended(self, connection_id: ConnectionId) -> list[Command]:
        pool = self._cache.forget(connection_id)
        if pool is not None:
            self._workers.cool(pool)
        return [
            TellExecutor(request.executor, Stop(run_id=request.run_id))
            for request in self._in_flight.where(lambda request: request.place is Place.RUNNING)
            if request.executor is not None
            and isinstance(request.asked, Execute)
            and request.asked.connection_id == connection_id
        ]

    # --- time --------------------------------------------------------------------------------

    def tick(self, *, now: float) -> list[Command]:
        """Answer what waited too long, end executors that are overdue, renew grants."""
        commands: list[Command] = []
        for request in self._in_flight.where(lambda request: now >= request.deadline):
            if request.place is not Place.RUNNING:
                commands += self._fail(request, Fault(code=FaultCode.UNAVAILABLE))
            elif now >= request.deadline + OVERDUE_S and (late := request.executor) is not None:
                commands += [EndExecutor(late)] if self._workers.mark_overdue(late) else []
        self._cache.forget_expired(now=now)
        return commands + self._renew(now)

    def _renew(self, now: float) -> list[Command]:
        if self._vault is None:
            return []
        for request in self._in_flight.where(lambda request: request.place is Place.RUNNING):
            if isinstance(request.asked, Execute):
                # A lease does not idle while its statement runs.
                self._cache.use(request.asked.connection_id)
        executors = self._workers.names()
        renewals: list[Command] = [
            TellVault(mint_grants(self._in_flight.new_number(), *lease, executors))
            for lease in self._cache.due(now=now)
        ]
        used = self._cache.take_used()
        return [*renewals, TellVault(Used(connection_ids=used))] if used else renewals

    # --- ending a request --------------------------------------------------------------------

    def _answer(self, request: Request, payload: bytes) -> list[Command]:
        self._in_flight.remove(request)
        answer = Answer(request_id=request.asked.request_id)
        return [TellGateway(request.gateway, answer, payload)] if request.is_wanted else []

    def _fail(self, request: Request, fault: Fault) -> list[Command]:
        self._in_flight.remove(request)
        failed = Failed(request_id=request.asked.request_id, fault=fault)
        return [TellGateway(request.gateway, failed)] if request.is_wanted else []
