"""The router's loop: sockets and timers to dispatch, its commands to sockets.

One ROUTER socket for each role, so that a message's role is the socket it came on. What cannot be
decoded as something its sender may say is logged by size and sender, and dropped.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final, NoReturn

import zmq

from broker.commands import Command, EndExecutor, TellExecutor, TellGateway, TellVault
from broker.dispatch import Dispatch
from broker.peers import (
    BATCH,
    REQUEST_MAX_BYTES,
    DroppedError,
    ImpersonationError,
    Peers,
    Received,
    UnreachableError,
)
from broker.roster import PeerRole, Roster, peer_role, start_authenticator
from broker.router_keys import keys_in
from broker.router_settings import RouterSettings
from broker.shares import Limits
from broker.workers import Kind
from wire.child import Birth, EndedError, Heard, live, settle
from wire.codec import (
    FROM_EXECUTOR,
    FROM_GATEWAY,
    FROM_VAULT,
    MalformedMessageError,
    encode,
)
from wire.control import Admitted, EndPeer, Finish, PeerJoined, PeerLeft, Ready, Status, TellStatus
from wire.drops import drop_unexpected, log_malformed
from wire.logs import Log
from wire.messages import Hello, Ran
from wire.names import Incarnation
from wire.sockets import FRAME_MAX_BYTES, listening_socket, new_context

TICK_S: Final = 0.1
"""How late a deadline may be noticed."""


def main() -> NoReturn:
    """Be the router."""
    live(_work)


def _work(birth: Birth) -> None:
    router = Router(birth, birth.settings(RouterSettings), birth.log)
    settle()
    router.run()


class Router:
    """One life of the router."""

    def __init__(self, birth: Birth, settings: RouterSettings, log: Log) -> None:
        self._control = birth.control
        self._log = log
        self._dispatch = Dispatch(
            Limits(
                requests=settings.waiting_max,
                statements_per_lease=settings.statements_per_lease,
                statements_per_principal=settings.statements_per_principal,
            )
        )
        endpoints = settings.endpoints.by_role()
        self._rosters = {role: Roster() for role in endpoints}
        context = new_context()
        self._authenticator = start_authenticator(context, self._rosters)
        keys = keys_in(*birth.descriptors)
        self._public_key = keys.public
        self._peers = {
            role: Peers(
                role,
                listening_socket(
                    context,
                    endpoint,
                    keys=keys,
                    domain=role,
                    frame_max_bytes=REQUEST_MAX_BYTES if role == "gateway" else FRAME_MAX_BYTES,
                ),
                self._rosters[role],
            )
            for role, endpoint in endpoints.items()
        }
        self._decide: dict[PeerRole, Callable[[Received, float], list[Command]]] = {
            "gateway": self._from_gateway,
            "executor": lambda said, now: self._from_executor(said, "executor", now),
            "file-executor": lambda said, now: self._from_executor(said, "file-executor", now),
            "vault": self._from_vault,
        }
        self._ending: set[Incarnation] = set()
        """Peers whose end the supervisor was asked for: nothing more is sent to them."""

    def run(self) -> None:
        """Serve until EndedError."""
        self._control.set_blocking(blocking=False)
        self._control.say(Ready(public_key=self._public_key))
        control = self._control.fileno()
        poller = zmq.Poller()
        poller.register(control, zmq.POLLIN)
        for peers in self._peers.values():
            poller.register(peers.link, zmq.POLLIN)
        next_tick = time.monotonic() + TICK_S
        while True:
            left_ms = max(0, int((next_tick - time.monotonic()) * 1000) + 1)
            ready = {source for source, _ in poller.poll(left_ms)}
            # First who is here, then what they say.
            if control in ready:
                self._hear_supervisor()
            for peers in self._peers.values():
                if peers.link in ready:
                    self._hear(peers)
            if (now := time.monotonic()) >= next_tick:
                next_tick = now + TICK_S
                self._obey(self._dispatch.tick(now=now))

    def _hear(self, peers: Peers) -> None:
        for _ in range(BATCH):
            try:
                received = peers.receive()
            except DroppedError as error:
                self._log_dropped(error, peers.role)
                continue
            if received is None:
                return
            self._take(peers.role, received)

    def _take(self, role: PeerRole, received: Received) -> None:
        try:
            commands = self._decide[role](received, time.monotonic())
        except MalformedMessageError as error:
            log_malformed(self._log, error, sender=received.sender)
        except DroppedError as error:
            self._log_dropped(error, role)
        else:
            self._obey(commands)

    def _log_dropped(self, error: DroppedError, role: PeerRole) -> None:
        self._log.warning(
            "message_dropped",
            role=role,
            why=error.why,
            sender=error.sender,
            size_bytes=error.size_bytes,
        )

    def _from_gateway(self, received: Received, now: float) -> list[Command]:
        message = FROM_GATEWAY.decode(received.header)
        if not self._rosters["gateway"].may_say(received.sender, message):
            # Not the client's fault, and nothing that its gateway should be helped with.
            raise ImpersonationError(received.sender, len(received.header))
        return self._dispatch.from_gateway(received.sender, message, received.payload, now=now)

    def _from_executor(self, received: Received, kind: Kind, now: float) -> list[Command]:
        sender = received.sender
        match FROM_EXECUTOR.decode(received.header):
            case Ran(run_id=run_id, rows=rows, failed=failed):
                payload = received.payload
                return self._dispatch.ran(
                    sender, run_id, payload, rows=rows, failed=failed, now=now
                )
            case Hello(slots=slots):
                return self._dispatch.executor_arrived(sender, slots, kind=kind, now=now)

    def _from_vault(self, received: Received, now: float) -> list[Command]:
        match FROM_VAULT.decode(received.header):
            case Hello():
                return self._dispatch.vault_arrived(received.sender, now=now)
            case message:
                return self._dispatch.from_vault(message, received.payload, now=now)

    def _obey(self, commands: Iterable[Command]) -> None:
        for command in commands:
            match command:
                case TellGateway(gateway, message, payload):
                    self._send("gateway", gateway, encode(message), payload)
                case TellExecutor(executor, message, payload):
                    self._send(self._kind_of(executor), executor, encode(message), payload)
                case TellVault(vault, message):
                    self._send("vault", vault, encode(message), b"")
                case EndExecutor(executor):
                    self._log.warning("executor_overdue", executor=executor)
                    self._control.say(EndPeer(incarnation=executor))

    def _kind_of(self, executor: Incarnation) -> Kind:
        opens_files = self._rosters["file-executor"].knows(executor)
        return "file-executor" if opens_files else "executor"

    def _send(self, role: PeerRole, to: Incarnation, header: bytes, payload: bytes) -> None:
        if to in self._ending:
            return
        try:
            self._peers[role].send(to, header, payload)
        except UnreachableError:
            self._unreachable(role, to)

    def _unreachable(self, role: PeerRole, to: Incarnation) -> None:
        """Have a peer that does not read ended: it would come back without a Hello."""
        self._log.warning("peer_unreachable", role=role, peer=to)
        if role != "gateway":
            self._ending.add(to)
            self._control.say(EndPeer(incarnation=to))
        self._lost(role, to)

    def _hear_supervisor(self) -> None:
        while (heard := self._control.hear()) is not None:
            self._heed(heard)

    def _heed(self, heard: Heard) -> None:
        match heard.message, heard.descriptors:
            case (
                PeerJoined(role=role, incarnation=incarnation, public_key=key, principal=principal),
                (),
            ):
                if (known := peer_role(role)) is not None:
                    self._rosters[known].join(incarnation, key, principal)
                    self._control.say(Admitted(incarnation=incarnation))
            case PeerLeft(role=role, incarnation=incarnation), ():
                self._ending.discard(incarnation)
                if (known := peer_role(role)) is not None:
                    self._rosters[known].leave(incarnation)
                    self._peers[known].forget(incarnation)
                    self._lost(known, incarnation)
            case TellStatus(ask=ask), ():
                report = self._dispatch.report(now=time.monotonic())
                self._control.say(Status(ask=ask, report=report))
            case Finish(), ():
                raise EndedError
            case message, descriptors:
                drop_unexpected(self._log, message, descriptors)

    def _lost(self, role: PeerRole, incarnation: Incarnation) -> None:
        now = time.monotonic()
        match role:
            case "gateway":
                self._obey(self._dispatch.gateway_lost(incarnation))
            case "executor" | "file-executor":
                self._obey(self._dispatch.executor_lost(incarnation, now=now))
            case "vault":
                self._obey(self._dispatch.vault_lost(incarnation))
