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
from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn, TypeVar

import msgspec

from wire.codec import TO_CHILD, MalformedMessageError, encode
from wire.control import CONTROL_FD, Alive, Ask, Configure, FromChild, ToChild
from wire.drops import log_malformed
from wire.liblogs import place_of, silence_libraries
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
    """The supervisor told us to end, is gone, or cannot be understood."""


class Control:
    """A child's end of its control socket."""

    def __init__(self, link: socket.socket, log: Log) -> None:
        self._link = link
        self._log = log

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

        Whether we are alive is answered here: who does not come to hear is not. Raises EndedError
        when the supervisor is gone, and for nonsense, which is logged: a process that missed one of
        its words may serve whom it should not.
        """
        while (heard := self._next()) is not None and isinstance(heard.message, Ask):
            close_all(heard.descriptors)
            self.say(Alive(number=heard.message.number))
        return heard

    def _next(self) -> Heard | None:
        descriptors: tuple[int, ...] = ()
        try:
            data, descriptors = receive_packet(self._link)
            return Heard(TO_CHILD.decode(data), descriptors)
        except BlockingIOError:
            return None
        except PeerGoneError:
            raise EndedError from None
        except MalformedMessageError as error:
            close_all(descriptors)
            log_malformed(self._log, error, sender="supervisor")
            raise EndedError from None

    def set_blocking(self, *, blocking: bool) -> None:
        """Choose whether `hear` waits."""
        self._link.setblocking(blocking)


class Birth(NamedTuple):
    """What a child knows when it begins."""

    control: Control
    configure: Configure
    descriptors: tuple[int, ...]
    log: Log

    def settings(self, kind: type[T]) -> T:
        """Return the settings, which must be a *kind* in every respect."""
        return msgspec.msgpack.decode(self.configure.settings, type=kind)


def live(work: Callable[[Birth], None]) -> NoReturn:
    """Be one process of the system: fences, settings, *work*, and an end without a traceback.

    *work* ends by returning or by EndedError. Any other exception is a bug of ours: one line in
    the log says its type and its place, and nothing that it holds; the supervisor starts the next.
    """
    birth = begin()
    silence_libraries(birth.log)
    status = 0
    try:
        work(birth)
    except EndedError:
        pass
    except Exception as error:  # noqa: BLE001 - the edge of every process
        place = place_of(error.__traceback__)
        birth.log.critical("process_failed", kind=type(error).__name__, place=place)
        status = 1
    # Not by way of the interpreter's end, which would wait for threads that wait for others.
    os._exit(status)


def begin() -> Birth:
    """Raise the fences that every process has, and wait for who we are."""
    fence()
    ignore_terminal_signals()
    link = socket.socket(fileno=CONTROL_FD)
    os.set_inheritable(CONTROL_FD, False)  # noqa: FBT003 - os takes it by position only
    try:
        heard = Control(link, Log(f"process-{os.getpid()}")).hear()
    except EndedError:
        sys.exit(0)
    if heard is None or not isinstance(heard.message, Configure):
        sys.exit("the first control message was not Configure")
    log = Log(heard.message.incarnation)
    return Birth(Control(link, log), heard.message, heard.descriptors, log)


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
