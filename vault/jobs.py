"""Jobs for logins, how they can end without one, and who is told that there is no connection."""

import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from vault.counted import server_at
from vault.login_queue import Want, Work
from vault.state import Credential
from wire.codec import encode
from wire.faults import Fault
from wire.lending import (
    CancelStatement,
    EndSession,
    LoginFailed,
    LoginJob,
    LoginOutcome,
    NotHandedOver,
)

DIED: Final = LoginFailed(stage="login", sentence="The login process ended without an answer.")
LATE: Final = LoginFailed(stage="login", sentence="The login process did not keep its deadline.")
DISMISSED: Final = LoginFailed(stage="login", sentence="Nobody waits for this login any more.")
PAUSED: Final = LoginFailed(stage="paused", sentence="The credential was refused too often.")
UNREACHABLE: Final = LoginFailed(stage="unreachable", sentence="The server was just not there.")
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
    account: str
    """As whose the refusals of its credential are counted."""
    credential: NamedCredential | None
    heard: Callable[[LoginOutcome], None]
    deadline: float
    handover: int | None = None
    """The descriptor for the executor's connection; owned by the job until it is sent."""
    want: Want = field(init=False)

    def __post_init__(self) -> None:
        """Say what the queue needs to know of it."""
        server = server_at(self.order.target.host, self.order.target.port)
        work = _work(self.order, has_password=self.credential is not None)
        self.want = Want(server, self.account, work, self.deadline)

    def refuse(self, fault: Fault) -> None:
        """Tell whoever waits for the connection, if anybody does, that there will be none."""
        if self.handover is not None:
            refuse_handover(self.handover, fault)
            self.handover = None

    def drop_handover(self) -> None:
        """Close our copy of a descriptor that the login has."""
        if self.handover is not None:
            os.close(self.handover)
            self.handover = None


def _work(order: LoginJob, *, has_password: bool) -> Work:
    match order:
        case CancelStatement():
            return "kill" if has_password else "cancel"
        case EndSession():
            return "end"
        case _:
            return "log in"


def refuse_handover(descriptor: int, fault: Fault) -> None:
    """Tell who waits at a hand-over socket that there will be no connection; close it."""
    refusal = encode(NotHandedOver(fault=fault))
    # The executor chose this descriptor: it may be no socket, or one that is never read.
    try:
        link = socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)
        return
    with link, contextlib.suppress(OSError):
        link.send(refusal, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
