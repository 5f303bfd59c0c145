"""One real process of ours on its own, with the test in the supervisor's place."""

import os
import secrets
import select
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self, TypeVar

from supervisor.children import packed
from supervisor.spawn import role_programs, spawn
from tests.harness.waiting import until
from wire.codec import FROM_CHILD, encode
from wire.control import Configure, Finish, FromChild, Pair, Ready, ToChild
from wire.names import Incarnation, Role
from wire.packets import PeerGoneError, close_all, receive_packet, send_packet, socket_pair

M = TypeVar("M")

REPOSITORY: Final = Path(__file__).parents[2]
PATIENCE_S: Final = 15.0
NO_VARIABLES: Final[Mapping[str, str]] = MappingProxyType({})


class Child:
    """A process that was started as the supervisor does, and told who it is; `with` ends it."""

    def __init__(
        self,
        role: Role,
        *,
        settings: dict[str, object],
        descriptors: Sequence[int] = (),
        variables: Mapping[str, str] = NO_VARIABLES,
    ) -> None:
        self.incarnation = Incarnation(f"{role}-1.{secrets.token_hex(4)}")
        usual = role_programs()[role]
        program = replace(usual, environment=(*usual.environment, *variables.items()))
        started = spawn(program, {**os.environ, "PYTHONPATH": str(REPOSITORY)})
        self.pid = started.pid
        self._pidfd = started.pidfd
        self._control = started.control
        self.status: int | None = None
        configure = Configure(incarnation=self.incarnation, settings=packed(settings))
        self.say(configure, descriptors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()
        self._control.close()
        os.close(self._pidfd)

    def say(self, message: ToChild, descriptors: Sequence[int] = ()) -> None:
        """Say this as the supervisor."""
        send_packet(self._control, encode(message), descriptors)

    def pair_with(self, role: Role, incarnation: Incarnation) -> socket.socket:
        """Give it a socket to a peer of that name, and return the peer's end."""
        ours, theirs = socket_pair()
        with theirs:
            self.say(Pair(role=role, incarnation=incarnation), [theirs.fileno()])
        return ours

    def join(self, role: Role, other: "Child", other_role: Role) -> None:
        """Give it and *other* a socket pair."""
        ours = self.pair_with(other_role, other.incarnation)
        with ours:
            other.say(Pair(role=role, incarnation=self.incarnation), [ours.fileno()])

    def hear(self, kind: type[M]) -> M:
        """Return its next message, which must be of that kind."""
        message = self.next_message()
        assert isinstance(message, kind), message
        return message

    def next_message(self) -> FromChild:
        """Return its next message to the supervisor."""
        packet = received(self._control)
        assert packet is not None, "it says no more"
        return FROM_CHILD.decode(packet)

    def wait_until_ready(self) -> None:
        """Return when it says that it can take work."""
        while not isinstance(self.next_message(), Ready):
            pass

    def is_alive(self) -> bool:
        """Return whether it has not exited."""
        return self.status is None and not select.select([self._pidfd], [], [], 0)[0]

    def kill(self) -> None:
        """End it with SIGKILL, and reap it."""
        if self.status is None:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            self.wait()

    def finish(self) -> int:
        """Tell it to finish; return its status."""
        self.say(Finish())
        return self.wait()

    def leave_alone(self) -> None:
        """Close our end, as a supervisor that died."""
        self._control.shutdown(socket.SHUT_RDWR)

    def wait(self) -> int:
        """Return its exit status, or minus the signal that ended it."""
        if self.status is None:
            assert select.select([self._pidfd], [], [], PATIENCE_S)[0], "it does not end"
            found = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED)
            assert found is not None
            exited = found.si_code == os.CLD_EXITED
            self.status = found.si_status if exited else -found.si_status
        return self.status


def received(source: socket.socket, *, within_s: float = PATIENCE_S) -> bytes | None:
    """Return the next packet's data, or None when the other end is closed; drop descriptors."""
    deadline = time.monotonic() + within_s
    assert select.select([source], [], [], deadline - time.monotonic())[0], "nothing came"
    try:
        data, descriptors = receive_packet(source)
    except PeerGoneError:
        return None
    close_all(descriptors)
    return data


def until_gone(pid: int, *, within_s: float = 5.0) -> None:
    """Wait until no process of that id runs."""
    until(lambda: not Path(f"/proc/{pid}").exists(), within_s=within_s)
