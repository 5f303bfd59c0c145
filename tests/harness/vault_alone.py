"""A real vault and login server, with the test as supervisor, router and executors."""

import os
import select
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self, TypeVar

import msgspec
import zmq

from broker.roster import PeerRole, Roster, start_authenticator
from supervisor.memory import make_memories
from tests.harness.children import Child, received
from tests.harness.sessions import Session, take_handover
from vault.settings import VaultSettings
from wire.codec import FROM_VAULT, TO_BORROWER, encode
from wire.control import PeerLeft, Ready, RouterLost, RouterReady, Sealed, Status, TellStatus
from wire.lending import Borrow, Dispose, FromBorrower, Holding, NotHandedOver
from wire.logs import Log
from wire.messages import (
    FromVault,
    Granted,
    Hello,
    LeaseEnded,
    MintGrants,
    OpenLease,
    ToVault,
)
from wire.names import ConnectionId, ConnectionName, Handle, Incarnation, Principal, RunId
from wire.packets import send_packet, socket_pair
from wire.sockets import RawSocket, listening_socket, new_context, new_key_pair
from wire.status import VaultReport

M = TypeVar("M")

ALICE: Final = Principal("token:alice")
PATIENCE_MS: Final = 15_000


class Executor:
    """The executor's end of a socket pair with the vault."""

    def __init__(self, name: str) -> None:
        self.name = Incarnation(name)
        self.link: socket.socket | None = None
        self.holding: tuple[Handle, ...] = ()
        """What it says it holds, first on every new socket pair."""

    def say(self, message: FromBorrower, descriptors: tuple[int, ...] = ()) -> None:
        """Say this to the vault."""
        self.say_bytes(encode(message), descriptors)

    def say_bytes(self, data: bytes, descriptors: tuple[int, ...] = ()) -> None:
        """Say something that need not be a message."""
        assert self.link is not None
        send_packet(self.link, data, descriptors)

    def hear(self) -> Dispose:
        """Return the next message of the vault's."""
        assert self.link is not None
        data = received(self.link)
        assert data is not None
        return TO_BORROWER.decode(data)

    def borrow(self, grant: bytes) -> Session | NotHandedOver | None:
        """Ask for a connection under *grant*, and accept it."""
        ours, theirs = socket_pair()
        with ours:
            with theirs:
                self.say(Borrow(grant=grant, number=0, deadline_ms=10_000), (theirs.fileno(),))
            return take_handover(ours)

    def session(self, grant: bytes) -> Session:
        """Return a connection that is lent under *grant*."""
        session = self.borrow(grant)
        assert isinstance(session, Session), session
        return session


class VaultAlone:
    """The vault's unit, which can be killed and started again."""

    def __init__(self, settings: VaultSettings, environment: dict[str, str]) -> None:
        self.settings = settings
        self.sealed: Sealed | None = None
        self._stack = ExitStack()
        self._directory = self._stack.enter_context(tempfile.TemporaryDirectory())
        self._memories = make_memories(Log("test"))
        self._death_watch, self._alive = os.pipe()
        records = [f"{name}={value}\0".encode() for name, value in environment.items()]
        self._environment = os.memfd_create("environment")
        os.write(self._environment, b"".join(records))
        self.executors: dict[str, Executor] = {}
        self._runs = 0
        self._roster = Roster()
        rosters: dict[PeerRole, Roster] = {"vault": self._roster}
        self._context = new_context()
        self._authenticator = start_authenticator(self._context, rosters)
        self._keys = new_key_pair()
        self.unasked: list[FromVault] = []
        """What the vault said that was no answer."""

    def __enter__(self) -> Self:
        self._endpoint = f"ipc://{Path(self._directory) / 'router.sock'}"
        self.router = self._new_router()
        self.start(first=True)
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()
        self.router.close()
        self._authenticator.stop()
        self._context.term()
        for executor in self.executors.values():
            if executor.link is not None:
                executor.link.close()
        held = [self._memories.key_page, self._memories.state, self._memories.router_key]
        for descriptor in [*held, self._death_watch, self._alive, self._environment]:
            os.close(descriptor)
        self._stack.close()

    def _new_router(self) -> RawSocket:
        return listening_socket(self._context, self._endpoint, keys=self._keys, domain="vault")

    def start(self, *, first: bool = False) -> None:
        """Start the unit, and introduce it to the router and to every executor."""
        secrets = [self._environment] if first else []
        settings = msgspec.to_builtins(self.settings)
        memories = [self._memories.key_page, self._memories.state, *secrets]
        self.server = Child("login-server", settings={"spares": 2}, descriptors=[self._death_watch])
        self.vault = Child("vault", settings=settings, descriptors=memories)
        self.server.hear(Ready)
        self.server.join("login-server", self.vault, "vault")
        self.sealed = self.vault.hear(Sealed)
        ready = self.vault.hear(Ready)
        self.sealing_key = ready.sealing_key
        self._roster.join(self.vault.incarnation, ready.public_key)
        self.introduce_router()
        for executor in self.executors.values():
            self.meet(executor)

    def introduce_router(self) -> None:
        """Tell the vault where the router is, and hear its greeting."""
        self.vault.say(RouterReady(endpoint=self._endpoint, public_key=self._keys.public))
        assert isinstance(self._hear()[0], Hello)

    def replace_router(self) -> None:
        """Have the router die and another one come."""
        self.vault.say(RouterLost())
        self.router.close()
        self.router = self._new_router()
        self.introduce_router()

    def kill(self) -> None:
        """Kill vault and login server; executors notice."""
        for child in (self.vault, self.server):
            child.__exit__()

    def restart(self) -> None:
        """Kill the unit and start the next one."""
        self.kill()
        self.start()

    def executor(self, name: str = "executor-1.0000000a") -> Executor:
        """Introduce a new executor."""
        made = Executor(name)
        self.executors[name] = made
        self.meet(made)
        return made

    def meet(self, executor: Executor) -> None:
        """Give an executor a new socket pair; it says first what it holds."""
        if executor.link is not None:
            executor.link.close()
        executor.link = self.vault.pair_with("executor", executor.name)
        executor.say(Holding(handles=executor.holding))

    def lose(self, executor: Executor, *, tell: bool = True) -> None:
        """Have an executor die."""
        del self.executors[executor.name]
        assert executor.link is not None
        executor.link.close()
        if tell:
            self.vault.say(PeerLeft(role="executor", incarnation=executor.name))

    def run_id(self) -> RunId:
        """Return a number for a question."""
        self._runs += 1
        return RunId(self._runs)

    def ask(self, question: ToVault) -> tuple[FromVault, bytes]:
        """Ask, and return the answer to just this."""
        self.tell(question)
        return self.answer_to(getattr(question, "run_id", RunId(0)))

    def tell(self, message: ToVault) -> None:
        """Say something to the vault as the router."""
        self.tell_bytes(encode(message), b"")

    def tell_bytes(self, *frames: bytes) -> None:
        """Say something that need not be a message."""
        self.router.send(self.vault.incarnation.encode(), zmq.SNDMORE)
        for frame in frames[:-1]:
            self.router.send(frame, zmq.SNDMORE)
        self.router.send(frames[-1])

    def answer_to(self, run_id: RunId) -> tuple[FromVault, bytes]:
        """Return the answer to that question; keep what comes before."""
        while True:
            message, payload = self._hear()
            if getattr(message, "run_id", None) == run_id:
                return message, payload
            self.unasked.append(message)

    def ended_lease(self) -> ConnectionId:
        """Return the id of the next lease that the vault says is over."""
        while not self.unasked:
            self.unasked.append(self._hear()[0])
        message = self.unasked.pop(0)
        assert isinstance(message, LeaseEnded)
        return message.connection_id

    def _hear(self) -> tuple[FromVault, bytes]:
        poller = zmq.Poller()
        poller.register(self.router, zmq.POLLIN)
        assert poller.poll(PATIENCE_MS), "the vault says nothing"
        sender, header = self.router.recv(), self.router.recv()
        assert sender == self.vault.incarnation.encode()
        return FROM_VAULT.decode(header), self.router.recv()

    def open(self, *, principal: Principal = ALICE, name: str = "main") -> Granted:
        """Open a lease with a grant for every executor."""
        granted = self.try_open(principal=principal, name=name)
        assert isinstance(granted, Granted), granted
        return granted

    def try_open(self, *, principal: Principal = ALICE, name: str = "main") -> FromVault:
        """Ask for a lease, and return the answer."""
        question = OpenLease(
            run_id=self.run_id(),
            principal=principal,
            name=ConnectionName(name),
            executors=tuple(Incarnation(one) for one in self.executors),
            deadline_ms=10_000,
        )
        return self.ask(question)[0]

    def mint(self, connection_id: ConnectionId, *, principal: Principal = ALICE) -> FromVault:
        """Ask for fresh grants, and return the answer."""
        question = MintGrants(
            run_id=self.run_id(),
            principal=principal,
            connection_id=connection_id,
            executors=tuple(Incarnation(one) for one in self.executors),
        )
        return self.ask(question)[0]

    def report(self) -> VaultReport:
        """Return what the vault reports of leases and loans."""
        self.vault.say(TellStatus(ask=7))
        status = self.vault.hear(Status)
        assert status.ask == 7
        assert isinstance(status.report, VaultReport)
        return status.report

    def lent_backends(self) -> list[object]:
        """Return the sessions that are on record as lent."""
        return [loan.backend_id for loan in self.report().loans]


def readable(link: socket.socket) -> bool:
    """Return whether there is something to hear."""
    return bool(select.select([link], [], [], 0)[0])
