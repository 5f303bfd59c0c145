"""One process as the supervisor sees it: its control socket, its pidfd, its name for this life."""

import os
import secrets
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from supervisor.plan import Member
from wire.codec import FROM_CHILD, MalformedMessageError, encode
from wire.control import FromChild, Pair, Ready, ToChild
from wire.names import Incarnation, Role
from wire.packets import PeerGoneError, close_all, receive_packet, send_packet

DEMO_READY: Final = b"ready\n"
"""All that the demo's keeper ever says; it is not a process of the broker and knows no messages."""


@dataclass(frozen=True, eq=False)
class Child:
    """A process that was started and has not been seen to exit."""

    name: str
    role: Role
    incarnation: Incarnation
    pid: int
    pidfd: int
    control: socket.socket
    started_at: float

    def say(self, message: ToChild, descriptors: Sequence[int] = ()) -> None:
        """Send *message*; end a child that does not read. Of one that is gone its pidfd tells."""
        try:
            send_packet(self.control, encode(message), descriptors)
        except BlockingIOError:
            self.signal(signal.SIGKILL)
        except PeerGoneError:
            return

    def hear(self) -> list[FromChild]:
        """Return what the child said since the last time.

        Raises PeerGoneError when it will say no more, and MalformedMessageError for nonsense.
        """
        heard: list[FromChild] = []
        while True:
            try:
                data, descriptors = receive_packet(self.control)
            except BlockingIOError:
                return heard
            except PeerGoneError:
                if heard:
                    return heard  # the end is read again the next time
                raise
            close_all(descriptors)
            heard.append(_decoded(self.role, data))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, which cannot reach another process that got the same number."""
        try:
            signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return  # it has exited, and its pidfd says so in a moment

    def collect(self) -> int:
        """Reap the exited process, close what was its, and return its status as a shell has it."""
        found = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
        self.control.close()
        os.close(self.pidfd)
        if found is None:
            return 0
        killed = found.si_code != os.CLD_EXITED
        return 128 + found.si_status if killed else found.si_status


def join(one: Child, other: Child, pair: tuple[socket.socket, socket.socket]) -> None:
    """Give each of two children its end of *pair*, with the name of the other."""
    for child, peer, end in ((one, other, pair[0]), (other, one, pair[1])):
        with end:
            child.say(Pair(role=peer.role, incarnation=peer.incarnation), [end.fileno()])


def new_incarnation(member: Member) -> Incarnation:
    """Return a name for a new life; it is never used again."""
    return Incarnation(f"{member.name}.{secrets.token_hex(4)}")


def packed(settings: dict[str, object]) -> msgspec.Raw:
    """Return a child's settings as they travel in Configure."""
    return msgspec.Raw(msgspec.msgpack.encode(settings))


def _decoded(role: Role, data: bytes) -> FromChild:
    if role != "demo":
        return FROM_CHILD.decode(data)
    if data == DEMO_READY:
        return Ready()
    raise MalformedMessageError(len(data))
