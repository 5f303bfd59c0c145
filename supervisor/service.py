"""The loop: signals, exits, timers and callers go in; the cores decide; the fleet obeys."""

import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Final

from supervisor.children import Child
from supervisor.console_socket import Caller, ConsoleSocket
from supervisor.fleet import Fleet, Hooks
from supervisor.heartbeat import Heartbeat
from supervisor.options import EXIT_GAVE_UP
from supervisor.outfits import Outfits
from supervisor.overview import Fixed
from supervisor.plan import Roster, Stage
from supervisor.report import Inquiries
from supervisor.rundir import RunDirectory
from supervisor.spawn import Program
from supervisor.stdio_clients import StdioClients
from supervisor.watch import Watch
from wire.console import AdoptStdio, AskStatus, FromConsole, NotServed
from wire.control import Admitted, Alive, EndPeer, FromChild, Ready, Sealed, Status
from wire.exits import EXIT_CANNOT_START
from wire.logs import Log
from wire.names import Incarnation, Role
from wire.packets import close_all

FIRST_CLIENT_S: Final = 30.0
"""How long a system that a client on standard streams started waits for that client."""

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SIGNAL_BYTES: Final = 64

_MAY_SAY: Final[dict[type[FromChild], frozenset[Role]]] = {
    Sealed: frozenset({"vault"}),
    Status: frozenset({"vault", "router"}),
    EndPeer: frozenset({"vault", "router"}),
    Alive: frozenset({"vault", "login-server", "router", "gateway", "executor", "file-executor"}),
    Ready: frozenset(),  # the fleet takes these two
    Admitted: frozenset(),
}
"""Who may say what about others; a gateway that a client has taken over may not."""

_MAY_END: Final[dict[Role, frozenset[Role]]] = {
    "vault": frozenset({"executor"}),
    "router": frozenset({"executor", "file-executor", "vault"}),
}
"""Whom they may have ended: no more than those who keep them waiting."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """All that a system needs to run; made by `__main__`, or by a test."""

    stages: tuple[Stage, ...]
    programs: Mapping[Role, Program]
    environment: Mapping[str, str]
    run_dir: RunDirectory
    outfits: Outfits
    fixed: Fixed
    until_idle: bool
    log: Log
    sealed: Callable[[Sealed], str | None]
    """Returns the sentence to stop with, if credentials are missing or malformed."""
    gave_up: Callable[[str], str]
    """Returns the sentence to stop with when that unit failed too often."""
    ready: Callable[[], None]
    """Called once, when everything can take work."""
    last_words: Callable[[str], None]
    """Tells the person who started us why we stop."""


class Supervisor:
    """One run of the system."""

    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._watch = Watch()
        hooks = Hooks(
            heard=self._heard, changed=self._advance, over=self._over, gave_up=self._gave_up
        )
        self._fleet = Fleet(
            self._watch,
            Roster(_endpoints(needs.run_dir)),
            programs=needs.programs,
            environment=needs.environment,
            log=needs.log,
            hooks=hooks,
        )
        self._console = ConsoleSocket(
            self._watch,
            needs.run_dir.control_socket,
            asked=self._asked,
            left=self._left,
            is_child=self._fleet.has,
            log=needs.log,
        )
        gateways = sum(unit[0].role == "gateway" for stage in needs.stages for unit in stage)
        self._stdio = StdioClients(
            self._fleet,
            needs.outfits,
            first_number=gateways + 1,
            close=self._console.end,
            idle=self._idle,
        )
        self._inquiries = Inquiries(
            self._watch, self._fleet, fixed=needs.fixed, close=self._console.end
        )
        self._heartbeat = Heartbeat(self._watch, self._fleet, needs.log)
        self._next_stage = 0
        self._sealed = False
        self._ready = False
        self._stopping = False
        self._status = 0

    def run(self) -> int:
        """Start everything, keep it alive until told to stop, and return the exit status."""
        wake, woken = socket.socketpair()
        wake.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        woken.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        before = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        for number in _STOP_SIGNALS:
            signal.signal(number, _note)
        self._watch.add(woken.fileno(), lambda: self._signalled(woken))
        try:
            self._advance()
            self._heartbeat.beat()
            while not (self._stopping and self._fleet.all_exited()):
                self._watch.turn()
        finally:
            signal.set_wakeup_fd(before)
            wake.close()
            woken.close()
            self._console.close()
            self._watch.close()
        return self._status

    def _advance(self) -> None:
        """Begin the next stage when the one before it is ready, and say so after the last."""
        while not (self._stopping or self._ready):
            begun = [unit for stage in self._needs.stages[: self._next_stage] for unit in stage]
            if not self._fleet.all_running(begun):
                return
            if self._next_stage == len(self._needs.stages):
                self._all_ready()
                return
            stage = self._needs.stages[self._next_stage]
            self._next_stage += 1
            for unit in stage:
                self._fleet.start(unit, self._needs.outfits.for_member)

    def _all_ready(self) -> None:
        self._ready = True
        self._needs.log.info("system_ready", pid=os.getpid())
        self._stdio.open()
        if self._needs.until_idle:
            self._watch.at("first client", time.monotonic() + FIRST_CLIENT_S, self._idle)
        self._needs.ready()

    def _heard(self, child: Child, message: FromChild) -> None:
        if child.role not in _MAY_SAY[type(message)]:
            self._forbid(child)
            return
        match message:
            case Sealed():
                self._credentials_sealed(message)
            case Status():
                if not self._inquiries.answered(child, message):
                    self._forbid(child)
            case EndPeer(incarnation=incarnation):
                self._end_peer(incarnation, by=child)
            case Alive(number=number):
                self._heartbeat.heard(child, number)
            case Ready() | Admitted():
                return

    def _end_peer(self, incarnation: Incarnation, *, by: Child) -> None:
        peer = self._fleet.child(incarnation)
        if peer is None:
            return  # it has ended by itself
        if peer.role not in _MAY_END[by.role]:
            self._forbid(by)
            return
        self._needs.log.warning("peer_ended", peer=incarnation, by=by.incarnation)
        self._fleet.kill(incarnation)

    def _forbid(self, child: Child) -> None:
        """End a child that says what it may not: it is not ours any more."""
        self._needs.log.error("control_forbidden", child=child.incarnation)
        self._fleet.kill(child.incarnation)

    def _credentials_sealed(self, message: Sealed) -> None:
        self._needs.outfits.forget_secrets()
        sentence = None if self._sealed else self._needs.sealed(message)
        self._sealed = True
        if sentence is not None:
            self._stop(EXIT_CANNOT_START, sentence)

    def _over(self, name: str, status: int) -> None:
        self._stdio.ended(name, status)

    def _gave_up(self, name: str) -> None:
        self._needs.log.critical("gave_up", unit=name)
        self._stop(EXIT_GAVE_UP, self._needs.gave_up(name))

    def _idle(self) -> None:
        if self._needs.until_idle and self._stdio.is_idle():
            self._stop(0)

    def _signalled(self, woken: socket.socket) -> None:
        numbers = set(woken.recv(_SIGNAL_BYTES))
        if numbers & set(_STOP_SIGNALS):
            self._stop(0)

    def _stop(self, status: int, sentence: str | None = None) -> None:
        if self._stopping:
            return
        self._stopping, self._status = True, status
        self._needs.log.info("system_stopping", status=status)
        if sentence is not None:
            self._needs.last_words(sentence)
        self._fleet.stop_all()

    def _asked(self, caller: Caller, message: FromConsole, descriptors: tuple[int, ...]) -> None:
        match message:
            case AskStatus():
                close_all(descriptors)
                self._inquiries.ask(caller)
            case AdoptStdio() if self._stopping:
                close_all(descriptors)
                caller.answer(NotServed(sentence="the system is stopping"))
                self._console.end(caller)
            case AdoptStdio():
                self._watch.cancel("first client")
                self._stdio.adopt(caller, descriptors)

    def _left(self, caller: Caller) -> None:
        self._stdio.left(caller)
        self._inquiries.left(caller)


def _endpoints(run_dir: RunDirectory) -> dict[Role, str]:
    roles: tuple[Role, ...] = ("gateway", "executor", "file-executor", "vault")
    return {role: run_dir.endpoint(role) for role in roles}


def _note(_number: int, _frame: FrameType | None) -> None:
    """Let the signal interrupt nothing; its number arrives at the wake-up socket."""
