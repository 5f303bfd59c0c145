"""A dispatch whose every word is looked at, and what is known of it from outside."""

from collections import Counter

from hypothesis.stateful import RuleBasedStateMachine

from broker.commands import Command, EndExecutor, TellExecutor, TellGateway, TellVault
from broker.dispatch import Dispatch
from broker.workers import KINDS, Kind
from tests.unit.broker.making import (
    FILE_LEASE,
    LEASE,
    OTHER_LEASE,
    VAULT,
    granted,
    limits,
)
from wire.messages import EndLease, Run, ToVault
from wire.names import Access, ConnectionId, Incarnation, RunId

ACCESS: dict[ConnectionId, Access] = {
    LEASE: "read-write",
    OTHER_LEASE: "read-only",
    FILE_LEASE: "read-write",
}
SLOTS = 1
STATEMENT = b"select 1"
WAITING_MAX = 16
LIMITS = limits(WAITING_MAX, per_lease=5, per_principal=8)


class Record(RuleBasedStateMachine):
    """What dispatch was told, and what it then said."""

    def __init__(self) -> None:
        super().__init__()
        self.dispatch = Dispatch(LIMITS)
        self.now = 0.0
        self.born = 0
        self.asked: dict[str, Incarnation] = {}
        self.unwanted: set[str] = set()
        self.replies: Counter[str] = Counter()
        self.running: dict[Incarnation, set[RunId]] = {}
        self.kinds: dict[Incarnation, Kind] = {}
        self.on_trial: set[ConnectionId] = set()
        """New leases on files, of which nobody has heard yet."""
        self.sent: Counter[RunId] = Counter()
        self.has_vault = False
        self.questions: list[ToVault] = []

    def obey(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case TellGateway(gateway, message, payload):
                    assert self.asked[message.request_id] == gateway
                    self.replies[message.request_id] += 1
                    self.on_trial.discard(ConnectionId(payload.decode()))
                case TellExecutor(executor, Run() as run, payload):
                    self.order(executor, run, payload)
                case TellExecutor(executor, message):
                    assert message.run_id in self.running[executor]
                case EndExecutor(executor):
                    assert executor in self.running
                case TellVault(vault, message):
                    assert vault == VAULT
                    assert self.has_vault, "somebody asks a vault that is gone"
                    self.questions.append(message)
                    if isinstance(message, EndLease):
                        self.on_trial.discard(message.connection_id)

    def order(self, executor: Incarnation, run: Run, payload: bytes) -> None:
        is_file = run.connection_id not in (LEASE, OTHER_LEASE)
        is_trial = run.connection_id.startswith("new-")
        assert self.kinds[executor] == KINDS[is_file]
        assert run.grant == (b"" if is_file else f"grant for {executor}".encode())
        assert payload == (b"" if is_trial else STATEMENT)
        self.running[executor].add(run.run_id)
        assert len(self.running[executor]) <= SLOTS
        self.sent[run.run_id] += 1
        may_run_twice = is_trial or run.pool.access == "read-only"
        assert self.sent[run.run_id] <= (2 if may_run_twice else 1)

    def new_request(self, gateway: Incarnation) -> str:
        name = str(len(self.asked))
        self.asked[name] = gateway
        return name

    def grant(self, number: int, lease: ConnectionId, *, opened: bool) -> None:
        is_file = lease not in (LEASE, OTHER_LEASE)
        access = ACCESS.get(lease, "read-write")
        if is_file and opened:
            lease = ConnectionId(f"new-{number}")
            self.on_trial.add(lease)
        message = granted(
            number,
            *([] if is_file else self.running),
            connection_id=lease,
            access=access,
            engine="sqlite" if is_file else "postgresql",
            opened=opened,
        )
        answer = lease.encode() if opened else b""
        self.obey(self.dispatch.from_vault(message, answer, now=self.now))
