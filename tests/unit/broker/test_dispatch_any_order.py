"""Whatever happens in whatever order, dispatch keeps its promises."""

from collections import Counter

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.strategies import booleans, integers, lists, sampled_from

from broker.commands import Command, EndExecutor, TellExecutor, TellGateway, TellVault
from broker.dispatch import Dispatch
from broker.in_flight import Place
from tests.unit.broker.making import (
    BOB,
    GATEWAY,
    LEASE,
    OTHER_GATEWAY,
    OTHER_LEASE,
    VAULT,
    a_connect,
    a_disconnect,
    an_execute,
    granted,
)
from wire.faults import Fault, FaultCode
from wire.messages import (
    Cancel,
    EndLease,
    LeaseEnded,
    MintGrants,
    OpenLease,
    Refused,
    Run,
    Settled,
    ToVault,
)
from wire.names import Access, ConnectionId, Incarnation, RequestId, RunId

ACCESS: dict[ConnectionId, Access] = {LEASE: "read-write", OTHER_LEASE: "read-only"}
LEASES = sampled_from(sorted(ACCESS))
GATEWAYS = sampled_from([GATEWAY, OTHER_GATEWAY])
SLOTS = 1
WAITING_MAX = 16
MOMENT = integers(0, 99)
DEADLINES_MS = sampled_from([60_000, 5_000, 5_000, 0])
RARELY = sampled_from([False] * 7 + [True])


class AnyOrder(RuleBasedStateMachine):
    """Every event that dispatch can hear of, and a record of what it then said."""

    def __init__(self) -> None:
        super().__init__()
        self.dispatch = Dispatch(waiting_max=WAITING_MAX)
        self.now = 0.0
        self.born = 0
        self.asked: dict[str, Incarnation] = {}
        self.unwanted: set[str] = set()
        self.replies: Counter[str] = Counter()
        self.running: dict[Incarnation, set[RunId]] = {}
        self.sent: Counter[RunId] = Counter()
        self.has_vault = False
        self.questions: list[ToVault] = []

    @initialize()
    def begin(self) -> None:
        self.vault_comes()
        self.executor_comes()
        self.executor_comes()
        for lease in ACCESS:
            self.grant(99, lease, opened=False)

    def obey(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case TellGateway(gateway, message):
                    assert self.asked[message.request_id] == gateway
                    self.replies[message.request_id] += 1
                case TellExecutor(executor, Run() as run):
                    self.order(executor, run)
                case TellExecutor(executor, message):
                    assert message.run_id in self.running[executor]
                case EndExecutor(executor):
                    assert executor in self.running
                case TellVault(vault, message):
                    assert vault == VAULT
                    assert self.has_vault, "somebody asks a vault that is gone"
                    self.questions.append(message)

    def order(self, executor: Incarnation, run: Run) -> None:
        assert run.grant == f"grant for {executor}".encode()
        self.running[executor].add(run.run_id)
        assert len(self.running[executor]) <= SLOTS
        self.sent[run.run_id] += 1
        assert self.sent[run.run_id] <= (1 if run.pool.access == "read-write" else 2)

    def new_request(self, gateway: Incarnation) -> str:
        name = str(len(self.asked))
        self.asked[name] = gateway
        return name

    @rule(gateway=GATEWAYS, leases=lists(LEASES, max_size=3), deadline_ms=DEADLINES_MS)
    def execute(
        self, *, gateway: Incarnation, leases: list[ConnectionId], deadline_ms: int
    ) -> None:
        for lease in leases:
            name = self.new_request(gateway)
            request = an_execute(name, connection_id=lease, deadline_ms=deadline_ms)
            self.obey(self.dispatch.from_gateway(gateway, request, b"", now=self.now))

    @rule(lease=LEASES)
    def execute_with_a_foreign_id(self, lease: ConnectionId) -> None:
        request = an_execute(self.new_request(GATEWAY), connection_id=lease, principal=BOB)
        self.obey(self.dispatch.from_gateway(GATEWAY, request, b"", now=self.now))

    @rule(gateway=GATEWAYS, lease=LEASES, connects=booleans())
    def connect_or_disconnect(
        self, *, gateway: Incarnation, lease: ConnectionId, connects: bool
    ) -> None:
        name = self.new_request(gateway)
        request = a_connect(name) if connects else a_disconnect(name, connection_id=lease)
        self.obey(self.dispatch.from_gateway(gateway, request, b"", now=self.now))

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

    @rule()
    def executor_comes(self) -> None:
        self.born += 1
        executor = Incarnation(f"executor-{self.born}")
        self.running[executor] = set()
        self.obey(self.dispatch.executor_arrived(executor, SLOTS, now=self.now))

    @rule(which=MOMENT)
    def executor_dies(self, which: int) -> None:
        if self.running:
            executor = sorted(self.running)[which % len(self.running)]
            del self.running[executor]
            self.obey(self.dispatch.executor_lost(executor, now=self.now))

    @rule(which=MOMENT)
    def run_ends(self, which: int) -> None:
        runs = sorted((one, run) for one, its in self.running.items() for run in its)
        if runs:
            executor, run = runs[which % len(runs)]
            self.running[executor].remove(run)
            self.obey(self.dispatch.ran(executor, run, b"", now=self.now))

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
            case EndLease(run_id=run_id) if not refused:
                self.obey(self.dispatch.from_vault(Settled(run_id=run_id), b"", now=self.now))
            case OpenLease(run_id=run_id) | MintGrants(run_id=run_id) | EndLease(run_id=run_id):
                fault = Fault(code=FaultCode.INVALID_CONNECTION)
                message = Refused(run_id=run_id, fault=fault)
                self.obey(self.dispatch.from_vault(message, b"", now=self.now))
            case _:
                return

    def grant(self, number: int, lease: ConnectionId, *, opened: bool) -> None:
        message = granted(
            number, *self.running, connection_id=lease, access=ACCESS[lease], opened=opened
        )
        self.obey(self.dispatch.from_vault(message, b"", now=self.now))

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
        waiting = self.dispatch._in_flight._for_slot
        assert len(requests) <= WAITING_MAX
        for request in requests:
            assert (request.place is Place.FOR_SLOT) == (request.run_id in waiting)
            on = [one for one, its in self.running.items() if request.run_id in its]
            assert on == ([request.executor] if request.place is Place.RUNNING else [])
            asked = request.run_id in {getattr(one, "run_id", None) for one in self.questions}
            assert asked or request.place is not Place.AT_VAULT

    @invariant()
    def nobody_waits_for_a_slot_that_is_free(self) -> None:
        workers = self.dispatch._workers._workers.values()
        if any(len(one.running) < one.slots and not one.is_overdue for one in workers):
            assert self.dispatch._in_flight.first_for_slot() is None


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
