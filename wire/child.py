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
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, NoReturn, TypeVar

import msgspec

from wire.codec import TO_CHILD, MalformedMessageError, encode
from wire.control import CONTROL_FD, Configure, FromChild, ToChild
from wire.logs import Log
from wire.packets import PeerGoneError, close_all, receive_packet, send_packet

T = TypeVar("T")

OPEN_FILES: Final = 16_384
"""Executors take this back: descriptors on their way are counted against the sender's own limit."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38


class Heard(NamedTuple):
    """One control message and the descriptors that came with it."""

    message: ToChild
    descriptors: tuple[int, ...]


class EndedError(Exception):
    """The supervisor told us to end, or is gone."""


class Control:
    """A child's end of its control socket."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._link.fileno()

    def say(self, message: FromChild) -> None:
        """Tell the supervisor; raise EndedError when it is gone."""
        try:
            send_packet(self._link, encode(message))
        except PeerGoneError:
            raise EndedError from None

    def hear(self) -> Heard | None:
        """Return the next message, or None when there is none yet on a non-blocking socket.

        Raises EndedError when the supervisor is gone, and MalformedMessageError for nonsense.
        """
        try:
            data, descriptors = receive_packet(self._link)
        except BlockingIOError:
            return None
        except PeerGoneError:
            raise EndedError from None
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

    def settings(self, kind: type[T]) -> T:
        """Return the settings, which must be a *kind* in every respect."""
        return msgspec.msgpack.decode(self.configure.settings, type=kind)


def live(work: Callable[[Birth, Log], None]) -> NoReturn:
    """Be one process of the system: fences, settings, *work*, and an end without a traceback.

    *work* ends by returning or by EndedError. Any other exception is a bug of ours: one line in
    the log says its type and its place, and nothing that it holds; the supervisor starts the next.
    """
    birth = begin()
    log = Log(birth.configure.incarnation)
    status = 0
    try:
        work(birth, log)
    except EndedError:
        pass
    except Exception as error:  # noqa: BLE001 - the edge of every process
        log.critical("process_failed", kind=type(error).__name__, place=place_of(error))
        status = 1
    # Not by way of the interpreter's end, which would wait for threads that wait for others.
    os._exit(status)


def place_of(error: BaseException) -> str:
    """Return where *error* was raised: a file's name and a line, no value."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return "".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in last)


def begin() -> Birth:
    """Raise the fences that every process has, and wait for who we are."""
    fence()
    ignore_terminal_signals()
    control = Control(socket.socket(fileno=CONTROL_FD))
    os.set_inheritable(CONTROL_FD, False)  # noqa: FBT003 - os takes it by position only
    try:
        heard = control.hear()
    except EndedError:
        sys.exit(0)
    if heard is None or not isinstance(heard.message, Configure):
        sys.exit("the first control message was not Configure")
    return Birth(control, heard.message, heard.descriptors)


def settle() -> None:
    """Keep what start-up made out of the garbage collector's way: its pauses were 80 ms at p99."""
    gc.collect()
    gc.freeze()


def _raise_open_files() -> None:
    """Make room for descriptors: who borrows and lends them must not run out of them first."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def fence(*, dies_with_parent: bool = True) -> None:
    """No core dump, no ptrace by our own user, no new privileges, no life after the parent."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _raise_open_files()
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
