"""The vault's loop: sockets and timers to whoever decides, their answers to sockets.

It waits on the control socket, the router, the login server, every executor and every running
login. After each round the state is saved, and only then is said what depends on it.
"""

import math
import selectors
import socket
import time
from collections.abc import Callable
from typing import Final, NoReturn

from vault.attempts import Attempts
from vault.conduct import Conduct
from vault.errands import Errands
from vault.intake import take_in
from vault.lending import Lending
from vault.logins import LoginDesk
from vault.reach import Reach
from vault.recall import Recall
from vault.records import Records
from vault.report import Reporter
from vault.requests import Requests
from vault.seal import Keys
from vault.secret import SecretPage
from vault.settings import VaultSettings
from vault.state import Slots, map_state
from wire.child import Birth, Control, EndedError, Heard, live, settle
from wire.codec import FROM_BORROWER, TO_VAULT, MalformedMessageError, encode
from wire.control import (
    EndPeer,
    Finish,
    Pair,
    PeerLeft,
    Ready,
    RouterLost,
    RouterReady,
    Sealed,
    Status,
    TellStatus,
)
from wire.dealer import Dealer
from wire.drops import drop_unexpected, log_malformed
from wire.lending import ToBorrower
from wire.logs import Log
from wire.messages import FromVault
from wire.names import Incarnation
from wire.packets import PeerGoneError, close_all, receive_packet, send_packet

CENSUS_S: Final = 2.0
"""So long after Ready every living executor has a pair; what any other has borrowed is ended."""

TICK_S: Final = 0.25
"""How late an expiry or a missed deadline may be noticed."""


def main() -> NoReturn:
    """Be the vault."""
    live(_work)


def _work(birth: Birth) -> None:
    vault = Service(birth, birth.settings(VaultSettings), birth.log)
    settle()
    vault.run()


class Service:
    """One life of the vault."""

    def __init__(self, birth: Birth, settings: VaultSettings, log: Log) -> None:
        self._log = log
        self._settings = settings
        self._control = birth.control
        key_page, state, *environment = birth.descriptors
        page = SecretPage.shared(key_page)
        keys = Keys(page)
        self._sealing_key = keys.sealing_key()
        self._records = Records(Slots(map_state(state), keys), settings)
        self._selector = selectors.DefaultSelector()
        self._executors: dict[Incarnation, socket.socket] = {}
        self._router = Dealer(birth.configure.incarnation, TO_VAULT)
        attempts, reach = Attempts(), Reach()
        self._desk = LoginDesk(
            keys, attempts, reach, watch=self._watch_login, forget=self._unwatch, log=log
        )
        errands = self._new_errands(attempts, reach)
        self._conduct = Conduct(end=self._end_executor, log=log)
        self._recall = Recall(
            self._records,
            errands,
            tell=self._tell,
            kill=self._end_executor,
            log=log,
        )
        self._lending = Lending(
            self._records,
            keys,
            self._desk,
            errands,
            self._recall,
            self._conduct,
            connections=self._records.connections,
            log=log,
        )
        self._requests = self._new_requests(keys, errands)
        self._reporter = Reporter(self._records, errands, self._desk, settings.connections)
        if not (page.is_secret and self._desk.is_secret):
            log.warning("guarantee_lost", guarantee="secret_pages")
        self._seal_environment(environment, keys)

    def _new_errands(self, attempts: Attempts, reach: Reach) -> Errands:
        return Errands(
            self._records,
            self._desk,
            attempts,
            reach,
            connections=self._records.connections,
            allowed=self._settings.dynamic.targets,
            log=self._log,
        )

    def _new_requests(self, keys: Keys, errands: Errands) -> Requests:
        return Requests(
            self._records,
            keys,
            errands,
            self._recall,
            settings=self._settings,
            executors=lambda: list(self._executors),
            answer=self._answer,
            log=self._log,
        )

    def _seal_environment(self, descriptors: list[int], keys: Keys) -> None:
        malformed: tuple[str, ...] = ()
        for descriptor in descriptors:
            taken = take_in(descriptor, keys)
            self._records.credentials.update(taken.credentials)
            self._records.changed()
            malformed += taken.malformed
        self._records.flush()
        wanted = {connection.variable for connection in self._settings.connections.values()}
        missing = wanted - self._records.credentials.keys() - set(malformed)
        self._control.say(Sealed(missing=tuple(sorted(missing)), malformed=malformed))

    def run(self) -> None:
        """Serve until EndedError."""
        self._control.set_blocking(blocking=False)
        self._watch(self._control, self._hear_supervisor)
        self._control.say(Ready(public_key=self._router.public_key, sealing_key=self._sealing_key))
        census_at = time.monotonic() + CENSUS_S
        while True:
            for key, _ in self._selector.select(0 if self._router.look().to_hear else TICK_S):
                act: Callable[[], None] = key.data
                act()
            # ZeroMQ's descriptor tells of changes only, so its socket is asked every time.
            self._hear_router()
            if time.monotonic() >= census_at:
                census_at = math.inf
                self._lending.end_absent(self._executors)
            self._recall.force_late()
            self._requests.expire()
            self._desk.give_up_late(now=time.monotonic())
            self._records.flush()

    def _hear_supervisor(self) -> None:
        while (heard := self._control.hear()) is not None:
            self._heed(heard)

    def _heed(self, heard: Heard) -> None:  # noqa: C901 - one case for each message
        match heard.message, heard.descriptors:
            case Pair(role="executor", incarnation=executor), (descriptor,):
                self._meet_executor(executor, descriptor)
            case Pair(role="login-server"), (descriptor,):
                self._meet_login_server(descriptor)
            case PeerLeft(role="executor", incarnation=executor), ():
                self._lose_executor(executor)
            case RouterReady(endpoint=endpoint, public_key=public_key), ():
                self._lose_router()
                self._watch(self._router.connect(endpoint, public_key), self._hear_router)
            case RouterLost(), ():
                self._lose_router()
            case TellStatus(ask=ask), ():
                self._control.say(Status(ask=ask, report=self._reporter.report()))
            case Finish(), ():
                raise EndedError
            case message, descriptors:
                drop_unexpected(self._log, message, descriptors)

    def _hear_router(self) -> None:
        while True:
            try:
                heard = self._router.hear()
            except MalformedMessageError as error:
                log_malformed(self._log, error, sender="router")
                continue
            if heard is None:
                return
            self._requests.handle(heard.message)

    def _answer(self, message: FromVault, payload: bytes) -> None:
        # Without a router, or one that reads, nobody waits for the answer any more.
        self._router.say(message, payload)

    def _lose_router(self) -> None:
        if (descriptor := self._router.fileno()) is not None:
            self._selector.unregister(descriptor)
            self._router.disconnect()

    def _hear_login_server(self, link: socket.socket) -> None:
        try:
            self._desk.take_spare(*receive_packet(link))
        except PeerGoneError:
            # Without it nobody can log in any more; the supervisor restarts both of us.
            raise EndedError from None
        except BlockingIOError:
            return
        except MalformedMessageError as error:
            log_malformed(self._log, error, sender="login-server")

    def _hear_executor(self, executor: Incarnation, link: socket.socket) -> None:
        if self._executors.get(executor) is not link:
            # Lost or replaced in this same round, by what was heard before.
            return
        descriptors: tuple[int, ...] = ()
        try:
            data, descriptors = receive_packet(link)
            message = FROM_BORROWER.decode(data)
        except BlockingIOError:
            return
        except PeerGoneError:
            self._lose_executor(executor)
            return
        except MalformedMessageError as error:
            close_all(descriptors)
            log_malformed(self._log, error, sender=executor)
            self._conduct.slipped(executor)
            return
        self._lending.handle(executor, message, descriptors)

    def _meet_executor(self, executor: Incarnation, descriptor: int) -> None:
        link = _socket(descriptor)
        self._drop_link(executor)
        self._executors[executor] = link
        self._watch(link, lambda: self._hear_executor(executor, link))

    def _meet_login_server(self, descriptor: int) -> None:
        link = _socket(descriptor)
        self._desk.use_server(link)
        self._watch(link, lambda: self._hear_login_server(link))

    def _end_executor(self, executor: Incarnation) -> None:
        """Have it ended and hear no more of it; what it holds ends when the supervisor says so."""
        self._control.say(EndPeer(incarnation=executor))
        self._drop_link(executor)

    def _lose_executor(self, executor: Incarnation) -> None:
        self._drop_link(executor)
        self._lending.executor_gone(executor)

    def _drop_link(self, executor: Incarnation) -> None:
        link = self._executors.pop(executor, None)
        if link is not None:
            self._unwatch(link)
            link.close()

    def _tell(self, executor: Incarnation, message: ToBorrower) -> None:
        link = self._executors.get(executor)
        if link is None:
            return
        try:
            send_packet(link, encode(message))
        except (PeerGoneError, BlockingIOError):
            # Gone, or deaf: then the deadline of what was asked speaks for it.
            self._log.warning("executor_deaf", executor=executor)

    def _watch_login(self, login: socket.socket) -> None:
        self._watch(login, lambda: self._desk.hear(login))

    def _watch(self, source: int | socket.socket | Control, act: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, act)

    def _unwatch(self, link: socket.socket) -> None:
        if link.fileno() in self._selector.get_map():
            self._selector.unregister(link)


def _socket(descriptor: int) -> socket.socket:
    link = socket.socket(fileno=descriptor)
    link.settimeout(0)
    return link
