"""Whatever happens in whatever order, dispatch keeps its promises."""

from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

from hypothesis import settings
from hypothesis.stateful import initialize, invariant, rule
from hypothesis.strategies import booleans, integers, lists, sampled_from

from broker.in_flight import Place
from broker.workers import KINDS, Kind
from tests.unit.broker.any_order import ACCESS, LIMITS, SLOTS, STATEMENT, WAITING_MAX, Record
from tests.unit.broker.making import (
    BOB,
    FILE_LEASE,
    GATEWAY,
    OTHER_GATEWAY,
    VAULT,
    a_connect,
    a_disconnect,
    a_status,
    an_execute,
)
from wire.faults import Fault, FaultCode
from wire.messages import (
    Cancel,
    ConnectionStatus,
    Disconnect,
    EndLease,
    Execute,
    LeaseEnded,
    MintGrants,
    OpenLease,
    Refused,
    Settled,
    TellLease,
)
from wire.names import ConnectionId, Incarnation, RequestId, RunId

LEASES = sampled_from(sorted(ACCESS))
GATEWAYS = sampled_from([GATEWAY, OTHER_GATEWAY])
OfLease: TypeAlias = Callable[..., Disconnect | ConnectionStatus]
MOMENT = integers(0, 99)
DEADLINES_MS = sampled_from([60_000, 5_000, 5_000, 0])
RARELY = sampled_from([False] * 7 + [True])


class AnyOrder(Record):
    """Every event that dispatch can hear of, in any order."""

    @initialize()
    def begin(self) -> None:
        self.vault_comes()
        self.executor_comes(kind="executor")
        self.executor_comes(kind="executor")
        self.executor_comes(kind="file-executor")
        for lease in ACCESS:
            self.grant(99, lease, opened=False)

    @rule(gateway=GATEWAYS, leases=lists(LEASES, max_size=3), deadline_ms=DEADLINES_MS)
    def execute(
        self, *, gateway: Incarnation, leases: list[ConnectionId], deadline_ms: int
    ) -> None:
        for lease in leases:
            name = self.new_request(gateway)
            request = an_execute(name, connection_id=lease, deadline_ms=deadline_ms)
            self.obey(self.dispatch.from_gateway(gateway, request, STATEMENT, now=self.now))

    @rule(lease=LEASES)
    def execute_with_a_foreign_id(self, lease: ConnectionId) -> None:
        request = an_execute(self.new_request(GATEWAY), connection_id=lease, principal=BOB)
        self.obey(self.dispatch.from_gateway(GATEWAY, request, b"", now=self.now))

    @rule(gateway=GATEWAYS, lease=LEASES, how=sampled_from([None, a_disconnect, a_status]))
    def connect_or_disconnect_or_look(
        self, *, gateway: Incarnation, lease: ConnectionId, how: OfLease | None
    ) -> None:
        name = self.new_request(gateway)
        request = a_connect(name) if how is None else how(name, connection_id=lease)
        self.obey(self.dispatch.from_gateway(gateway, request, b"", now=self.now))

    @rule(gateway=GATEWAYS)
    def connect_to_a_file(self, gateway: Incarnation) -> None:
        request = a_connect(self.new_request(gateway))
        self.obey(self.dispatch.from_gateway(gateway, request, b"", now=self.now))
        if self.questions and isinstance(question := self.questions[-1], OpenLease):
            self.questions.pop()
            self.grant(question.run_id, FILE_LEASE, opened=True)

    @rule(which=MOMENT)
    def cancel(self, which: int) -> None:
        if self.asked:
            name = str(which % len(self.asked))
            self.unwanted.add(name)
            cancel = Cancel(request_id=RequestId(name))
            self.obey(self.dispatch.from_gateway(self.asked[name], cancel, b"", now=self.now))

    @rule(gateway=GATEWAYS, happens=RARELY)
    def gateway_dies(self, *, gateway: Incarnation, happens: bool) -> None:
        if not happens:
            return
        self.unwanted.update(name for name, its in self.asked.items() if its == gateway)
        self.obey(self.dispatch.gateway_lost(gateway))

    @rule(kind=sampled_from(KINDS))
    def executor_comes(self, kind: Kind) -> None:
        self.born += 1
        executor = Incarnation(f"{kind}-{self.born}")
        self.running[executor] = set()
        self.kinds[executor] = kind
        self.obey(self.dispatch.executor_arrived(executor, SLOTS, kind=kind, now=self.now))

    @rule(which=MOMENT)
    def executor_dies(self, which: int) -> None:
        if self.running:
            executor = sorted(self.running)[which % len(self.running)]
            del self.running[executor]
            self.obey(self.dispatch.executor_lost(executor, now=self.now))

    @rule(which=MOMENT, fails=booleans())
    def run_ends(self, *, which: int, fails: bool) -> None:
        runs = sorted((one, run) for one, its in self.running.items() for run in its)
        if runs:
            executor, run = runs[which % len(runs)]
            self.running[executor].remove(run)
            failed = FaultCode.STATEMENT_FAILED if fails else None
            self.obey(self.dispatch.ran(executor, run, b"", failed=failed, now=self.now))

    @rule(number=integers(1, 30))
    def run_ends_that_does_not_run(self, number: int) -> None:
        for executor, its in list(self.running.items()):
            if number not in its:
                assert self.dispatch.ran(executor, RunId(number), b"", now=self.now) == []

    @rule()
    def vault_comes(self) -> None:
        self.has_vault = True
        self.questions.clear()
        self.obey(self.dispatch.vault_arrived(VAULT, now=self.now))

    @rule()
    def vault_dies(self) -> None:
        self.has_vault = False
        self.questions.clear()
        self.obey(self.dispatch.vault_lost(VAULT))

    @rule(which=MOMENT, lease=LEASES, refused=RARELY)
    def vault_answers(self, *, which: int, lease: ConnectionId, refused: bool) -> None:
        if not self.questions:
            return
        question = self.questions.pop(which % len(self.questions))
        match question:
            case OpenLease(run_id=run_id) | MintGrants(run_id=run_id) if not refused:
                lease = getattr(question, "connection_id", lease)
                self.grant(run_id, lease, opened=isinstance(question, OpenLease))
            case EndLease(run_id=run_id) | TellLease(run_id=run_id) if not refused:
                self.obey(self.dispatch.from_vault(Settled(run_id=run_id), b"", now=self.now))
            case OpenLease() | MintGrants() | EndLease() | TellLease():
                fault = Fault(code=FaultCode.INVALID_CONNECTION)
                message = Refused(run_id=question.run_id, fault=fault)
                self.obey(self.dispatch.from_vault(message, b"", now=self.now))
            case _:
                return

    @rule(lease=LEASES, happens=RARELY)
    def lease_ends(self, *, lease: ConnectionId, happens: bool) -> None:
        if not happens:
            return
        message = LeaseEnded(connection_id=lease)
        self.obey(self.dispatch.from_vault(message, b"", now=self.now))

    @rule(passed_s=sampled_from([0.1, 0.1, 1, 4, 15]))
    def time_passes(self, passed_s: float) -> None:
        self.now += passed_s
        self.obey(self.dispatch.tick(now=self.now))

    @invariant()
    def every_wanted_request_has_one_reply_or_is_in_flight(self) -> None:
        for name, gateway in self.asked.items():
            request = self.dispatch._in_flight.of_origin(gateway, RequestId(name))
            assert self.replies[name] <= 1
            if name not in self.unwanted:
                assert (self.replies[name] == 1) == (request is None)

    @invariant()
    def every_request_is_in_one_place(self) -> None:
        requests = self.dispatch._in_flight.where(lambda _: True)
        turns = self.dispatch._in_flight._for_slot.values()
        waiting = {run for one in turns for runs in one._waiting.values() for run in runs}
        assert len(requests) <= WAITING_MAX
        for request in requests:
            assert (request.place is Place.FOR_SLOT) == (request.run_id in waiting)
            on = [one for one, its in self.running.items() if request.run_id in its]
            assert on == ([request.executor] if request.place is Place.RUNNING else [])
            asked = request.run_id in {getattr(one, "run_id", None) for one in self.questions}
            assert asked or request.place is not Place.AT_VAULT

    @invariant()
    def what_counts_against_the_limits_is_what_is_in_flight(self) -> None:
        requests = [flight.asked for flight in self.dispatch._in_flight.where(lambda _: True)]
        statements = [one for one in requests if isinstance(one, Execute)]
        of_lease = Counter((one.principal, one.connection_id) for one in statements)
        shares = self.dispatch._in_flight._shares
        assert (shares._all, shares._of_lease) == (len(requests), of_lease)
        assert max(of_lease.values(), default=0) <= LIMITS.statements_per_lease

    @invariant()
    def nobody_waits_for_a_slot_that_is_free(self) -> None:
        workers = self.dispatch._workers._workers.values()
        for kind in KINDS:
            mine = [one for one in workers if one.kind == kind]
            if any(len(one.running) < one.slots and not one.is_overdue for one in mine):
                assert self.dispatch._in_flight.first_for_slot(kind) is None

    @invariant()
    def a_new_lease_on_a_file_is_tried_told_or_ended(self) -> None:
        flights = self.dispatch._in_flight.where(lambda flight: flight.trial is not None)
        left = self.on_trial - {flight.lease for flight in flights}
        if not self.has_vault:
            # Nobody can be asked to end them now; they end because nobody uses them.
            self.on_trial -= left
        assert not left & self.on_trial


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
