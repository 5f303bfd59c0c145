"""Decide which executor runs which request, and what becomes of it; touch no socket.

A request is in one place at a time: waiting (for the vault or a free slot), at the vault, running
on one executor, or answered. An executor that dies takes its request with it: nothing is run
twice, because nobody knows how far the statement got, unless the lease is read-only: then once
more. How much anybody may have in flight is in `shares.py`, and what came of it is counted.
"""

from typing import Final

from broker.commands import Command, EndExecutor, TellExecutor, TellGateway
from broker.grant_cache import GrantCache, Held
from broker.in_flight import Flight, InFlight, Place, Trial
from broker.outcomes import LOST, given_up
from broker.questions import run
from broker.report import report
from broker.shares import Limits
from broker.usage import Usages
from broker.vault_side import VaultSide
from broker.workers import KINDS, Kind, Workers
from wire.faults import Fault, FaultCode
from wire.messages import (
    Answer,
    Cancel,
    ConnectionStatus,
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
)
from wire.names import ConnectionId, Incarnation, RunId
from wire.results import success
from wire.status import RouterReport

OVERDUE_S: Final = 3.0
"""An executor keeps a run's deadline by itself; one that is so late does not work any more."""

_LEASE_IS_OVER: Final = (FaultCode.INVALID_CONNECTION, FaultCode.CONNECTION_EXPIRED)


class Dispatch:
    """All requests in flight, and who could run them."""

    def __init__(self, limits: Limits) -> None:
        self._in_flight = InFlight(limits)
        self._workers = Workers()
        self._cache = GrantCache()
        self._usages = Usages()
        self._vault = VaultSide(self._in_flight, self._workers, self._cache, self._usages)

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
        added = self._in_flight.add(gateway, asked, payload, deadline=deadline)
        if isinstance(added, Fault):
            return [TellGateway(gateway, Failed(request_id=asked.request_id, fault=added))]
        return self._place(added, now)

    def gateway_lost(self, gateway: Incarnation) -> list[Command]:
        """Stop what nobody waits for any more."""
        gone = self._in_flight.where(lambda flight: flight.gateway == gateway)
        return [command for flight in gone for command in self._unwanted(flight)]

    def _unwanted(self, flight: Flight) -> list[Command]:
        flight.is_wanted = False
        if flight.place is Place.RUNNING and flight.executor is not None:
            return [TellExecutor(flight.executor, Stop(run_id=flight.run_id))]
        return [] if flight.place is Place.AT_VAULT else self._remove(flight)

    def _place(self, flight: Flight, now: float) -> list[Command]:
        """Move a request on: to an executor, to the vault, or into a queue."""
        held = None if flight.lease is None else self._cache.find(flight.lease, now=now)
        if flight.lease is None or held is None:
            return self._ask_vault(flight, now)
        if held.pool.principal != flight.asked.principal:
            return self._fail(flight, Fault(code=FaultCode.INVALID_CONNECTION), now)
        flight.runs_on = held.runs_on
        executor = self._choose(held)
        if executor is None:
            self._in_flight.move(flight, Place.FOR_SLOT)
            return []
        if not held.is_good_for(executor):
            return self._ask_vault(flight, now)
        return self._start(flight, flight.lease, held, executor, now)

    def _start(
        self, flight: Flight, lease: ConnectionId, held: Held, executor: Incarnation, now: float
    ) -> list[Command]:
        self._cache.use(lease)
        self._usages.began(flight.asked, now=now)
        self._workers.start(executor, flight.run_id, held.pool)
        self._in_flight.move(flight, Place.RUNNING)
        flight.executor = executor
        order = run(flight, lease, held, executor, now=now)
        flight.deadline = now + order.deadline_ms / 1000
        # Only what can only read is ever run again.
        may_follow = held.pool.access == "read-only" and not flight.is_second_try
        payload = self._in_flight.hand_on(flight, is_kept=may_follow)
        return [TellExecutor(executor, order, payload if flight.trial is None else b"")]

    def _choose(self, held: Held) -> Incarnation | None:
        executor = self._workers.choose(held.pool, kind=held.runs_on)
        if executor is None or held.is_good_for(executor) or self._vault.is_here:
            return executor
        # No vault to ask for this one's grant: a busier executor that has one is the better choice.
        return self._workers.choose(held.pool, among=held.grants) or executor

    def _ask_vault(self, flight: Flight, now: float) -> list[Command]:
        if flight.trial is not None:
            # The new lease is over already, or nobody could try it for as long as it lasts unused.
            return self._fail(flight, Fault(code=FaultCode.UNAVAILABLE), now)
        return self._vault.ask(flight, now=now)

    def _place_waiting(self, now: float) -> list[Command]:
        """Give free slots to those whose turn it is."""
        commands: list[Command] = []
        for kind in KINDS:
            while (flight := self._in_flight.first_for_slot(kind)) is not None:
                commands += self._place(flight, now)
                if self._in_flight.first_for_slot(kind) is flight:
                    break
        return commands

    def executor_arrived(
        self, executor: Incarnation, slots: int, *, kind: Kind = "executor", now: float
    ) -> list[Command]:
        """Give a new executor what waits; one that greets twice has forgotten what it ran."""
        lost = self.executor_lost(executor, now=now)
        self._workers.arrive(executor, slots, kind)
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
        is_read_only = held is not None and held.pool.access == "read-only"
        if flight.try_again(is_read_only=is_read_only, now=now):
            return self._place(flight, now)
        is_trial = flight.trial is not None
        return self._fail(flight, Fault(code=FaultCode.UNAVAILABLE) if is_trial else LOST, now)

    def ran(
        self,
        executor: Incarnation,
        run_id: RunId,
        payload: bytes,
        *,
        rows: int = 0,
        failed: FaultCode | None = None,
        now: float,
    ) -> list[Command]:
        """Pass a result on, and use the slot for the next."""
        if not self._workers.end(executor, run_id):
            return []
        flight = self._in_flight.get(run_id)
        if flight is None:
            return self._place_waiting(now)
        if flight.lease is not None:
            self._cache.use(flight.lease)
        if failed is FaultCode.UNAVAILABLE and flight.is_second_try and flight.trial is None:
            # Its words are that nothing was run. That is true of this try, not of the first.
            return self._fail(flight, LOST, now) + self._place_waiting(now)
        self._usages.ended(flight.asked, rows=rows, size_bytes=len(payload), failed=failed, now=now)
        if flight.trial is not None and flight.is_wanted and failed is None:
            payload, flight.trial = flight.trial.answer, None
        return self._answer(flight, payload) + self._place_waiting(now)

    def vault_arrived(self, vault: Incarnation, *, now: float) -> list[Command]:
        """Ask a new vault what the last one did not answer."""
        waiting = self._vault.arrived(vault)
        return [command for flight in waiting for command in self._place(flight, now)]

    def vault_lost(self, vault: Incarnation) -> list[Command]:
        """Keep what was asked for the next vault; leases and grants go on."""
        self._vault.lost(vault)
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
                flight = self._in_flight.at_vault(run_id)
                return [] if flight is None else self._answer(flight, payload)
            case Refused(run_id=run_id, fault=fault):
                flight = self._in_flight.at_vault(run_id)
                return [] if flight is None else self._refused(flight, fault, now)

    def _granted(self, granted: Granted, payload: bytes, now: float) -> list[Command]:
        flight = self._in_flight.at_vault(granted.run_id)
        if flight is not None and not flight.is_wanted:
            self._in_flight.remove(flight)
            flight = None
        if flight is None and granted.opened:
            # Nobody will ever learn the new id, so nobody would end the lease.
            return self._vault.end_lease(granted.pool.principal, granted.connection_id)
        self._cache.store(granted, now=now)
        if flight is None:
            return []
        if granted.opened and granted.engine != "sqlite":
            return self._answer(flight, payload)
        if granted.opened:
            flight.trial = Trial(granted.connection_id, payload)
        return self._place(flight, now)

    def _refused(self, flight: Flight, fault: Fault, now: float) -> list[Command]:
        asked, is_over = flight.asked, fault.code in _LEASE_IS_OVER
        if not (is_over and isinstance(asked, Execute | Disconnect | ConnectionStatus)):
            return self._fail(flight, fault, now)
        commands: list[Command] = []
        if self._cache.is_of(asked.connection_id, asked.principal):
            # It ended without our hearing: the vault that ended it died before it said so.
            commands = self._lease_ended(asked.connection_id)
        is_invalid = fault.code is FaultCode.INVALID_CONNECTION
        if is_invalid and flight.is_repeated and isinstance(asked, Disconnect):
            return commands + self._answer(flight, success({}))
        return commands + self._fail(flight, fault, now)

    def _lease_ended(self, connection_id: ConnectionId) -> list[Command]:
        self._usages.forget(connection_id)
        pool = self._cache.forget(connection_id)
        if pool is not None:
            self._workers.cool(pool)
        return [
            TellExecutor(flight.executor, Stop(run_id=flight.run_id))
            for flight in self._in_flight.where(lambda flight: flight.lease == connection_id)
            if flight.executor is not None
        ]

    def report(self, *, now: float) -> RouterReport:
        """Return what `strongroom status` shows of all this."""
        return report(self._in_flight, self._workers, self._usages, now=now)

    def tick(self, *, now: float) -> list[Command]:
        """Answer what waited too long, end executors that are overdue, renew grants."""
        commands: list[Command] = []
        for flight in self._in_flight.where(lambda flight: now >= flight.deadline):
            if flight.place is not Place.RUNNING:
                is_lost = flight.is_second_try and flight.trial is None
                given = given_up(flight.asked, may_be_done=flight.may_be_done())
                commands += self._fail(flight, LOST if is_lost else given, now)
            elif now >= flight.deadline + OVERDUE_S and (late := flight.executor) is not None:
                commands += [EndExecutor(late)] if self._workers.mark_overdue(late) else []
        self._cache.forget_expired(now=now)
        return commands + self._vault.renew(now=now)

    def _answer(self, flight: Flight, payload: bytes) -> list[Command]:
        answer = Answer(request_id=flight.asked.request_id)
        told = [TellGateway(flight.gateway, answer, payload)] if flight.is_wanted else []
        return told + self._remove(flight)

    def _fail(self, flight: Flight, fault: Fault, now: float) -> list[Command]:
        self._usages.ended(flight.asked, failed=fault.code, now=now)
        failed = Failed(request_id=flight.asked.request_id, fault=fault)
        told = [TellGateway(flight.gateway, failed)] if flight.is_wanted else []
        return told + self._remove(flight)

    def _remove(self, flight: Flight) -> list[Command]:
        """Forget a request; of a lease that is still on trial nobody has the id."""
        self._in_flight.remove(flight)
        if flight.trial is None:
            return []
        return self._vault.end_lease(flight.asked.principal, flight.trial.connection_id)
