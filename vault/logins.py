"""The desk at which logins are started: one waiting login and one outcome for each job.

A password is decrypted into the secret page, sent down the login's own socket from there, and
wiped before this function returns.
"""

import contextlib
import os
import socket
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from vault.attempts import Attempts
from vault.seal import Keys
from vault.secret import SecretPage, wipe
from vault.state import Credential
from wire.codec import LOGIN_OUTCOME, SPARE, MalformedMessageError, encode
from wire.faults import Fault, FaultCode
from wire.lending import (
    LoginDone,
    LoginFailed,
    LoginJob,
    LoginOutcome,
    NotHandedOver,
    OpenSession,
    Proceed,
    Taken,
)
from wire.names import Handle
from wire.packets import PeerGoneError, close_all, receive_packet, send_packet

GRACE_S: Final = 2.0
"""A login keeps its own deadline; one that does not is given up this much later."""

QUEUE_MAX: Final = 1024

RUNNING_MAX: Final = 64
"""Each is a process of some 17 MiB, most of it shared."""

DIED: Final = LoginFailed(stage="login", sentence="The login process ended without an answer.")
LATE: Final = LoginFailed(stage="login", sentence="The login process did not keep its deadline.")
DISMISSED: Final = LoginFailed(stage="login", sentence="Nobody waits for this login any more.")
PAUSED: Final = LoginFailed(stage="paused", sentence="The credential was refused too often.")
BUSY: Final = LoginFailed(stage="login", sentence="Too many logins are waiting.")


class NamedCredential(NamedTuple):
    """Whose password goes with a job; the name is what the seal is bound to."""

    name: str
    credential: Credential


@dataclass(slots=True, eq=False)
class Job:
    """One login to be done.

    `heard` is told each outcome; the last is LoginFailed, Delivered or, but for OpenSession,
    LoginDone.
    """

    order: LoginJob
    credential: NamedCredential | None
    heard: Callable[[LoginOutcome], None]
    deadline: float
    handover: int | None = None
    """The descriptor for the executor's connection; owned by the job until it is sent."""

    @property
    def credential_name(self) -> str | None:
        """Return whose password the job needs, if any."""
        return None if self.credential is None else self.credential.name


class LoginDesk:
    """Waiting logins, waiting jobs, and those that run."""

    def __init__(
        self,
        keys: Keys,
        attempts: Attempts,
        *,
        watch: Callable[[socket.socket], None],
        forget: Callable[[socket.socket], None],
    ) -> None:
        self._keys = keys
        self._attempts = attempts
        self._page = SecretPage.own()
        self._watch = watch
        self._forget = forget
        self._server: socket.socket | None = None
        self._spares: deque[socket.socket] = deque()
        self._queue: deque[Job] = deque()
        self._running: dict[socket.socket, Job] = {}

    @property
    def is_secret(self) -> bool:
        """Return whether passwords are decrypted into a page that nobody else can read."""
        return self._page.is_secret

    def use_server(self, server: socket.socket) -> None:
        """Take spares from this login server from now on."""
        self._server = server

    def take_spare(self, data: bytes, descriptors: tuple[int, ...]) -> None:
        """Note a waiting login that the login server offers."""
        SPARE.decode(data)
        if len(descriptors) != 1:
            close_all(descriptors)
            raise MalformedMessageError("a spare is one descriptor")
        self._spares.append(socket.socket(fileno=descriptors[0]))
        self._start_waiting()

    def submit(self, job: Job) -> None:
        """Start *job* with the next waiting login."""
        self._queue.append(job)
        if len(self._queue) > QUEUE_MAX:
            self._leave_queue(job, BUSY, FaultCode.OVERLOADED)
        self._start_waiting()

    def _start_waiting(self) -> None:
        self._give_up_paused()
        while self._spares and (job := self._next()) is not None:
            login = self._spares.popleft()
            self._tell_server()
            try:
                self._brief(login, job)
            except PeerGoneError:
                # That spare died while it waited; the job has not been touched.
                login.close()
                continue
            self._queue.remove(job)
            _drop_handover(job)
            self._running[login] = job
            self._watch(login)

    def _next(self) -> Job | None:
        """Return the job that has waited longest among those whose credential has room."""
        if len(self._running) >= RUNNING_MAX:
            return None
        using = Counter(name for job in self._running.values() if (name := job.credential_name))
        for job in self._queue:
            name = job.credential_name
            if name is None or using[name] < self._attempts.at_once(name):
                return job
        return None

    def _give_up_paused(self) -> None:
        """Answer the jobs whose credential was refused too often while they waited."""
        now = time.monotonic()
        for job in list(self._queue):
            name = job.credential_name
            if name is not None and not self._attempts.may_try(name, now=now):
                self._leave_queue(job, PAUSED, FaultCode.LOGIN_PAUSED)

    def _leave_queue(self, job: Job, outcome: LoginFailed, code: FaultCode) -> None:
        self._queue.remove(job)
        if job.handover is not None:
            refuse_handover(job.handover, code)
            job.handover = None
        job.heard(outcome)

    def _tell_server(self) -> None:
        if self._server is not None:
            # The supervisor restarts a login server that died, and us with it.
            with contextlib.suppress(PeerGoneError):
                send_packet(self._server, encode(Taken()))

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
        except (BrokenPipeError, ConnectionResetError):
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
        except (PeerGoneError, MalformedMessageError):
            outcome = DIED
        if isinstance(job.order, OpenSession) and isinstance(outcome, LoginDone):
            job.heard(outcome)
            # Its credential may have been proven by that.
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
        for job in [job for job in self._queue if now >= job.deadline]:
            self._leave_queue(job, LATE, FaultCode.UNAVAILABLE)

    def _close(self, login: socket.socket, job: Job, outcome: LoginOutcome) -> None:
        del self._running[login]
        self._forget(login)
        login.close()
        job.heard(outcome)
        self._start_waiting()


def refuse_handover(descriptor: int, code: FaultCode) -> None:
    """Tell who waits at a hand-over socket that there will be no connection; close it."""
    refusal = encode(NotHandedOver(fault=Fault(code=code)))
    # The executor chose this descriptor: it may be no socket, or one that is never read.
    try:
        link = socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)
        return
    with link, contextlib.suppress(OSError):
        link.send(refusal, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


def _drop_handover(job: Job) -> None:
    if job.handover is not None:
        os.close(job.handover)
        job.handover = None
