"""One login: a forked process that is told one job, does it, and exits.

It has three descriptors of its own: its socket to the vault, the hand-over socket that came with
the job, and the death pipe. The password is in one buffer that the login machine overwrites; what
Python and the stack may keep of it dies with the process, unless the session is encrypted: then
the process stays as its relay, and what it keeps is overwritten first.
"""

import contextlib
import os
import signal
import socket
import time
from typing import Final, NoReturn

from vault.login import sessions
from vault.login.carrier import Carrier, OrphanedError
from vault.login.mysql_errors import OF_THE_CREDENTIAL
from vault.login.refusals import LoginRefusedError, Stage
from vault.login.relay import Relay
from vault.login.stack import overwrite_stack
from vault.login.steps import LoggedIn
from wire.codec import ACCEPTED, LOGIN_JOB, PROCEED, MalformedMessageError, encode
from wire.faults import Fault, FaultCode
from wire.lending import (
    CancelStatement,
    Delivered,
    EndSession,
    HandedOver,
    LoginDone,
    LoginFailed,
    LoginJob,
    NotHandedOver,
    OpenSession,
    Target,
    TryLogin,
)
from wire.packets import PeerGoneError, close_all, receive_packet, send_packet

PASSWORD_BUFFER_BYTES: Final = 2048
GRACE_S: Final = 1.0
"""So much after its deadline the kernel ends the process: a name's look-up heeds no deadline."""

ACCEPT_S: Final = 2.0
"""So long an executor may take over a connection that it asked for; it waits for nothing else."""

_CREDENTIAL_REFUSED: Final = frozenset({"28000", "28P01"})


def run(vault: socket.socket, death_pipe: int) -> NoReturn:
    """Wait for the one job, do it, exit."""
    try:
        _serve(vault, death_pipe)
    except (OrphanedError, PeerGoneError, MalformedMessageError):
        os._exit(1)
    os._exit(0)


def _serve(vault: socket.socket, death_pipe: int) -> None:
    data, descriptors = receive_packet(vault)
    job = LOGIN_JOB.decode(data)
    handover = _handover_of(job, descriptors)
    if isinstance(job, OpenSession) and handover is None:
        raise MalformedMessageError(len(data))
    deadline = time.monotonic() + job.deadline_ms / 1000
    signal.setitimer(signal.ITIMER_REAL, job.deadline_ms / 1000 + GRACE_S)
    lifelines = (vault.fileno(), death_pipe)
    carrier = Carrier(deadline=deadline, lifelines=lifelines, tls=job.target.tls)
    try:
        relay = _carry_out(job, carrier, vault, handover, death_pipe)
    except LoginRefusedError as error:
        _report(error, vault, handover)
        return
    if relay is not None and handover is not None:
        # Vault and login server may die; the session is the executor's, and lives as long as that.
        signal.setitimer(signal.ITIMER_REAL, 0)
        vault.close()
        handover.close()
        overwrite_stack()
        relay.run()


def _handover_of(job: LoginJob, descriptors: tuple[int, ...]) -> socket.socket | None:
    if isinstance(job, OpenSession) and len(descriptors) == 1:
        return socket.socket(fileno=descriptors[0])
    close_all(descriptors)
    return None


def _carry_out(
    job: LoginJob,
    carrier: Carrier,
    vault: socket.socket,
    handover: socket.socket | None,
    death_pipe: int,
) -> Relay | None:
    """Do the job; return what remains to be done for an encrypted session, without end."""
    sessions.connect(job.target, carrier)
    match job:
        case CancelStatement():
            if sessions.needs_password(job):
                _log_in(job.target, carrier, vault)
            sessions.cancel(job, carrier)
        case TryLogin():
            _log_in(job.target, carrier, vault)
            sessions.leave(job.target, carrier)
        case EndSession():
            _log_in(job.target, carrier, vault)
            sessions.end(job.target, job.backend_id, carrier)
            sessions.leave(job.target, carrier)
        case OpenSession():
            logged_in = _log_in(job.target, carrier, vault)
            return _deliver(job, logged_in, carrier, vault, handover, death_pipe)
    send_packet(vault, encode(LoginDone()))
    return None


def _log_in(target: Target, carrier: Carrier, vault: socket.socket) -> LoggedIn:
    # Only now: a server that cannot be reached never makes us touch the password.
    password = bytearray(PASSWORD_BUFFER_BYTES)
    length = vault.recv_into(password)
    if length == 0:
        raise PeerGoneError
    del password[length:]
    return sessions.log_in(target, password, carrier)


def _deliver(
    job: OpenSession,
    logged_in: LoggedIn,
    carrier: Carrier,
    vault: socket.socket,
    handover: socket.socket | None,
    death_pipe: int,
) -> Relay | None:
    done = LoginDone(
        backend_id=logged_in.session.backend_id,
        cancel_key=logged_in.cancel_key,
        address=carrier.address,
    )
    send_packet(vault, encode(done))
    PROCEED.decode(receive_packet(vault).content)
    if carrier.socket is None or handover is None:
        raise LoginRefusedError(Stage.HAND_OVER, "There is nothing to hand over.")
    message = HandedOver(handle=job.handle, session=logged_in.session)
    if carrier.channel is None:
        _hand_over(message, carrier.socket, handover)
        send_packet(vault, encode(Delivered()))
        return None
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.settimeout(0)
        relay = Relay(
            server=carrier.socket, channel=carrier.channel, executor=ours, death_pipe=death_pipe
        )
        # An executor looks whether a session has bytes pending that nobody asked for.
        relay.pass_on()
        _hand_over(message, theirs, handover)
    # The executor has it now: a vault that has just died hears of it from there.
    with contextlib.suppress(PeerGoneError):
        send_packet(vault, encode(Delivered()))
    return relay


def _hand_over(message: HandedOver, lent: socket.socket, handover: socket.socket) -> None:
    handover.settimeout(ACCEPT_S)
    try:
        send_packet(handover, encode(message), [lent.fileno()])
        ACCEPTED.decode(receive_packet(handover).content)
    except PeerGoneError:
        raise LoginRefusedError(Stage.HAND_OVER, "The executor is gone or gave up.") from None
    except (TimeoutError, BlockingIOError):
        raise LoginRefusedError(Stage.HAND_OVER, "The executor did not accept it.") from None


def _blames_credential(error: LoginRefusedError) -> bool:
    # Before the login a server's number is anybody's word, and has no SQLSTATE.
    is_of_login = error.stage is not Stage.NEGOTIATE
    return error.sqlstate in _CREDENTIAL_REFUSED or (
        is_of_login and error.errno in OF_THE_CREDENTIAL
    )


def _report(error: LoginRefusedError, vault: socket.socket, handover: socket.socket | None) -> None:
    failed = LoginFailed(
        stage=error.stage.value,
        sentence=error.sentence,
        sqlstate=error.sqlstate,
        errno=error.errno,
        blames_credential=_blames_credential(error),
    )
    send_packet(vault, encode(failed))
    if handover is None:
        return
    code = (
        FaultCode.DATABASE_UNREACHABLE if error.stage is Stage.CONNECT else FaultCode.LOGIN_FAILED
    )
    try:
        send_packet(handover, encode(NotHandedOver(fault=Fault(code=code))))
    except PeerGoneError:
        return
