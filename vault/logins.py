"""The desk at which logins are started: one waiting login and one outcome for each job.

A password is decrypted into the secret page, sent down the login's own socket from there, and
wiped as soon as it is sent.
"""

import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from vault.attempts import Attempts
from vault.jobs import BUSY, DIED, DISMISSED, LATE, PAUSED, UNREACHABLE, Job, NamedCredential
from vault.login_queue import LoginQueue, Vain, Want
from vault.reach import Reach
from vault.seal import Keys
from vault.secret import SecretPage
from vault.wiping import wipe
from wire.codec import LOGIN_OUTCOME, SPARE, MalformedMessageError, encode
from wire.drops import log_malformed
from wire.faults import Fault, FaultCode
from wire.lending import (
    LoginDone,
    LoginFailed,
    LoginOutcome,
    OpenSession,
    Proceed,
    Taken,
)
from wire.logs import Log
from wire.names import Handle
from wire.packets import PeerGoneError, close_all, is_packet_socket, receive_packet, send_packet
from wire.status import LoginCounts

GRACE_S: Final = 2.0
"""A login keeps its own deadline; one that does not is given up this much later."""

_IN_VAIN: Final[dict[Vain, tuple[LoginFailed, FaultCode]]] = {
    "paused": (PAUSED, FaultCode.LOGIN_PAUSED),
    "unreachable": (UNREACHABLE, FaultCode.DATABASE_UNREACHABLE),
}


class LoginDesk:
    """Waiting logins, waiting jobs, and those that run."""

    def __init__(
        self,
        keys: Keys,
        attempts: Attempts,
        reach: Reach,
        *,
        watch: Callable[[socket.socket], None],
        forget: Callable[[socket.socket], None],
        log: Log,
    ) -> None:
        self._keys = keys
        self._page = SecretPage.own()
        self._watch = watch
        self._forget = forget
        self._log = log
        self._server: socket.socket | None = None
        self._spares: deque[socket.socket] = deque()
        self._owed = 0
        """What the login server has still to be told that was taken."""
        self._queue = LoginQueue(attempts, reach)
        self._waiting: dict[Want, Job] = {}
        self._running: dict[socket.socket, Job] = {}

    @property
    def is_secret(self) -> bool:
        """Return whether passwords are decrypted into a page that nobody else can read."""
        return self._page.is_secret

    def counts(self) -> LoginCounts:
        """Return how many logins run, and how many wait."""
        return LoginCounts(running=len(self._running), waiting=len(self._waiting))

    def use_server(self, server: socket.socket) -> None:
        """Take spares from this login server from now on."""
        self._server = server

    def take_spare(self, data: bytes, descriptors: tuple[int, ...]) -> None:
        """Note a waiting login that the login server offers.

        Raises MalformedMessageError for anything else, whose descriptors are closed.
        """
        try:
            descriptor = _offered(data, descriptors)
        except MalformedMessageError:
            close_all(descriptors)
            raise
        self._spares.append(socket.socket(fileno=descriptor))
        self._start_waiting()

    def submit(self, job: Job) -> None:
        """Start *job* with the next waiting login."""
        self._waiting[job.want] = job
        if not self._queue.join(job.want):
            self._leave_queue(job, BUSY, FaultCode.OVERLOADED)
        self._start_waiting()

    def _start_waiting(self) -> None:
        """Start what may be started; what the kernel has no room for now is tried again soon."""
        for vain, why in self._queue.in_vain(now=time.monotonic()):
            if (job := self._waiting.get(vain)) is not None:
                self._leave_queue(job, *_IN_VAIN[why])
        while self._spares and (want := self._queue.next()) is not None:
            login = self._spares.popleft()
            try:
                self._start(login, self._waiting[want])
            except BlockingIOError:
                self._spares.appendleft(login)
                break
            self._owed += 1
        self._tell_server()

    def _start(self, login: socket.socket, job: Job) -> None:
        try:
            self._brief(login, job)
        except PeerGoneError:
            # That spare died while it waited; the job has not been touched.
            login.close()
            return
        self._queue.begin(job.want)
        del self._waiting[job.want]
        job.drop_handover()
        self._running[login] = job
        self._watch(login)

    def _leave_queue(self, job: Job, outcome: LoginFailed, code: FaultCode) -> None:
        self._queue.leave(job.want)
        del self._waiting[job.want]
        job.refuse(Fault(code=code))
        job.heard(outcome)

    def _tell_server(self) -> None:
        # The supervisor restarts a login server that died, and us with it.
        with contextlib.suppress(PeerGoneError, BlockingIOError):
            while self._server is not None and self._owed:
                send_packet(self._server, encode(Taken()))
                self._owed -= 1

    def _brief(self, login: socket.socket, job: Job) -> None:
        descriptors = () if job.handover is None else (job.handover,)
        send_packet(login, encode(job.order), descriptors)
        if job.credential is not None:
            self._send_password(login, job.credential)
        login.settimeout(0)

    def _send_password(self, login: socket.socket, named: NamedCredential) -> None:
        try:
            secret = self._keys.open_credential(
                named.credential.sealed, name=named.name, into=self._page.view
            )
            login.send(secret, socket.MSG_NOSIGNAL)
        except (BrokenPipeError, ConnectionResetError, BlockingIOError):
            # A spare that reads nothing is none; it must not get a second order behind this one.
            raise PeerGoneError from None
        finally:
            wipe(self._page.view)

    def hear(self, login: socket.socket) -> None:
        """Read what a running login says, and pass it on."""
        job = self._running.get(login)
        if job is None:
            return
        try:
            data, descriptors = receive_packet(login)
            close_all(descriptors)
            outcome: LoginOutcome = LOGIN_OUTCOME.decode(data)
        except BlockingIOError:
            return
        except PeerGoneError:
            outcome = DIED
        except MalformedMessageError as error:
            log_malformed(self._log, error, sender="login")
            outcome = DIED
        if isinstance(job.order, OpenSession) and isinstance(outcome, LoginDone):
            self._queue.logged_in(job.want)
            job.heard(outcome)
            # There is room where it was, and its credential may have been proven by that.
            self._start_waiting()
            return
        self._close(login, job, outcome)

    def proceed(self, handle: Handle) -> None:
        """Let the login of *handle* hand its session over: it is on record."""
        if (login := self._login_of(handle)) is not None:
            # One that died meanwhile is heard of on the same socket.
            with contextlib.suppress(PeerGoneError):
                send_packet(login, encode(Proceed()))

    def dismiss(self, handle: Handle) -> None:
        """End the login of *handle*: nobody waits for its session any more."""
        if (login := self._login_of(handle)) is not None:
            self._close(login, self._running[login], DISMISSED)

    def withdraw(self, handle: Handle) -> None:
        """Let the job of *handle* wait no longer, or hand nothing over.

        A login that has begun goes on until the server has answered: were it cut off, a refused
        password would not be counted, and who comes and goes could have any number of logins.
        """
        for job in list(self._waiting.values()):
            if isinstance(job.order, OpenSession) and job.order.handle == handle:
                self._leave_queue(job, DISMISSED, FaultCode.CANCELLED)

    def _login_of(self, handle: Handle) -> socket.socket | None:
        for login, job in self._running.items():
            if isinstance(job.order, OpenSession) and job.order.handle == handle:
                return login
        return None

    def give_up_late(self, *, now: float) -> None:
        """End the jobs, running or waiting, whose deadline is well past."""
        for login, job in list(self._running.items()):
            if now >= job.deadline + GRACE_S:
                self._close(login, job, LATE)
        for job in [job for job in self._waiting.values() if now >= job.deadline]:
            self._leave_queue(job, LATE, FaultCode.UNAVAILABLE)
        self._start_waiting()

    def _close(self, login: socket.socket, job: Job, outcome: LoginOutcome) -> None:
        del self._running[login]
        self._queue.end(job.want)
        self._forget(login)
        login.close()
        job.heard(outcome)
        self._start_waiting()


def _offered(data: bytes, descriptors: tuple[int, ...]) -> int:
    SPARE.decode(data)
    if [*map(is_packet_socket, descriptors)] != [True]:
        raise MalformedMessageError(len(data))
    return descriptors[0]
