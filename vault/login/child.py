"""One login: a forked process that is told one job, does it, and exits.

It has three descriptors of its own: its socket to the vault, the hand-over socket that came with
the job, and the death pipe. The password is in one buffer that the login machine overwrites; what
Python and the stack may keep of it dies with the process.
"""

import base64
import os
import signal
import socket
import time
from typing import Final, NoReturn

from vault.login import postgres
from vault.login.carrier import Carrier, OrphanedError
from vault.login.postgres_authentication import Terms
from vault.login.refusals import LoginRefusedError, Stage
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
NONCE_BYTES: Final = 18
GRACE_S: Final = 1.0
"""So much after its deadline the kernel ends the process: a name's look-up heeds no deadline."""

ACCEPT_S: Final = 2.0
"""So long an executor may take over a connection that it asked for; it waits for nothing else."""

_CREDENTIAL_REFUSED: Final = frozenset({"28000", "28P01"})
APPLICATION_NAME: Final = "strongroom"


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
    carrier = Carrier(deadline=deadline, lifelines=(vault.fileno(), death_pipe))
    try:
        _carry_out(job, carrier, vault, handover)
    except LoginRefusedError as error:
        _report(error, vault, handover)


def _handover_of(job: LoginJob, descriptors: tuple[int, ...]) -> socket.socket | None:
    if isinstance(job, OpenSession) and len(descriptors) == 1:
        return socket.socket(fileno=descriptors[0])
    close_all(descriptors)
    return None


def _carry_out(
    job: LoginJob, carrier: Carrier, vault: socket.socket, handover: socket.socket | None
) -> None:
    match job:
        case CancelStatement():
            _cancel(job, carrier)
            send_packet(vault, encode(LoginDone()))
        case TryLogin():
            _log_in(job.target, carrier, vault)
            _leave(carrier)
            send_packet(vault, encode(LoginDone()))
        case EndSession():
            _log_in(job.target, carrier, vault)
            carrier.drive(postgres.end_session(job.backend_id), Stage.END_SESSION)
            _leave(carrier)
            send_packet(vault, encode(LoginDone()))
        case OpenSession():
            session = _log_in(job.target, carrier, vault)
            _hand_over(job, session, carrier, vault, handover)


def _log_in(target: Target, carrier: Carrier, vault: socket.socket) -> postgres.PostgresSession:
    carrier.connect(target.host, target.port, target.allowed)
    # Only now: a server that cannot be reached never makes us touch the password.
    password = bytearray(PASSWORD_BUFFER_BYTES)
    length = vault.recv_into(password)
    if length == 0:
        raise PeerGoneError
    del password[length:]
    whom = postgres.PostgresTarget(
        user=target.user, database=target.database, application_name=APPLICATION_NAME
    )
    nonce = base64.b64encode(os.urandom(NONCE_BYTES)).decode()
    # There is no TLS yet. A Unix socket is no substitute: whoever may make one can be the server.
    terms = Terms(minimum=target.auth, is_encrypted=False)
    machine = postgres.log_in(whom, password, nonce=nonce, terms=terms)
    return carrier.drive(machine, Stage.AUTHENTICATE)


def _hand_over(
    job: OpenSession,
    session: postgres.PostgresSession,
    carrier: Carrier,
    vault: socket.socket,
    handover: socket.socket | None,
) -> None:
    send_packet(
        vault,
        encode(LoginDone(backend_id=session.backend_id, cancel_key=session.cancel_key)),
    )
    PROCEED.decode(receive_packet(vault).content)
    if carrier.socket is None or handover is None:
        raise LoginRefusedError(Stage.HAND_OVER, "There is nothing to hand over.")
    message = HandedOver(
        handle=job.handle,
        engine=job.target.engine,
        parameters=session.parameters,
        backend_id=session.backend_id,
    )
    handover.settimeout(ACCEPT_S)
    try:
        send_packet(handover, encode(message), [carrier.socket.fileno()])
        ACCEPTED.decode(receive_packet(handover).content)
    except PeerGoneError:
        raise LoginRefusedError(Stage.HAND_OVER, "The executor is gone or gave up.") from None
    except (TimeoutError, BlockingIOError):
        raise LoginRefusedError(Stage.HAND_OVER, "The executor did not accept it.") from None
    send_packet(vault, encode(Delivered()))


def _cancel(job: CancelStatement, carrier: Carrier) -> None:
    carrier.connect(job.target.host, job.target.port, job.target.allowed)
    carrier.send_last(postgres.cancel_request(job.backend_id, job.cancel_key))


def _leave(carrier: Carrier) -> None:
    carrier.send_last(postgres.terminate())


def _report(error: LoginRefusedError, vault: socket.socket, handover: socket.socket | None) -> None:
    failed = LoginFailed(
        stage=error.stage.value,
        sentence=error.sentence,
        sqlstate=error.sqlstate,
        blames_credential=error.sqlstate in _CREDENTIAL_REFUSED,
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
