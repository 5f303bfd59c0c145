"""How a process lives under the supervisor: fences first, then its settings, then Ready.

Descriptor 3 is the control socket. When it reads as closed, or the parent-death signal comes, the
supervisor is gone, and so is this process.
"""

import ctypes
import gc
import os
import resource
import signal
import socket
import sys
from typing import Final, NamedTuple

from wire.codec import TO_CHILD, MalformedMessageError, encode
from wire.control import CONTROL_FD, Configure, FromChild, ToChild
from wire.packets import PeerGoneError, close_all, receive_packet, send_packet

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38


class Heard(NamedTuple):
    """One control message and the descriptors that came with it."""

    message: ToChild
    descriptors: tuple[int, ...]


class Control:
    """A child's end of its control socket."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._link.fileno()

    def say(self, message: FromChild) -> None:
        """Tell the supervisor; raise PeerGoneError when it is gone."""
        send_packet(self._link, encode(message))

    def hear(self) -> Heard | None:
        """Return the next message, or None when there is none yet on a non-blocking socket.

        Raises PeerGoneError when the supervisor is gone, and MalformedMessageError for nonsense.
        """
        try:
            data, descriptors = receive_packet(self._link)
        except BlockingIOError:
            return None
        try:
            return Heard(TO_CHILD.decode(data), descriptors)
        except MalformedMessageError:
            close_all(descriptors)
            raise

    def set_blocking(self, *, blocking: bool) -> None:
        """Choose whether `hear` waits."""
        self._link.setblocking(blocking)


class Birth(NamedTuple):
    """What a child knows when it begins."""

    control: Control
    configure: Configure
    descriptors: tuple[int, ...]


def begin() -> Birth:
    """Raise the fences that every process has, and wait for who we are.

    Exits without a word when the supervisor is gone already.
    """
    fence()
    ignore_terminal_signals()
    control = Control(socket.socket(fileno=CONTROL_FD))
    os.set_inheritable(CONTROL_FD, False)  # noqa: FBT003 - os takes it by position only
    try:
        heard = control.hear()
    except PeerGoneError:
        sys.exit(0)
    if heard is None or not isinstance(heard.message, Configure):
        sys.exit("the first control message was not Configure")
    return Birth(control, heard.message, heard.descriptors)


def settle() -> None:
    """Keep what start-up made out of the garbage collector's way: its pauses were 80 ms at p99."""
    gc.collect()
    gc.freeze()


def fence(*, dies_with_parent: bool = True) -> None:
    """No core dump, no ptrace by our own user, no new privileges, no life after the parent."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in (
        (_PR_SET_DUMPABLE, 0),
        (_PR_SET_NO_NEW_PRIVS, 1),
        (_PR_SET_PDEATHSIG, int(signal.SIGKILL) if dies_with_parent else 0),
    ):
        if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option})")


def ignore_terminal_signals() -> None:
    """Leave Ctrl-C to the supervisor, which ends us in order; SIGTERM ends us at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
