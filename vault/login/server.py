"""The login server: forks logins, and has nothing that a login could inherit.

It is single-threaded and never holds a secret. It keeps a few logins waiting, each with a socket
whose other end it gives to the vault, so that a login costs no fork on its way.
"""

import contextlib
import gc
import os
import select
import signal
import socket
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Final, NoReturn

from vault.login import child
from vault.login.settings import LoginServerSettings
from wire.child import Birth, Control, EndedError, live
from wire.codec import TAKEN, encode
from wire.control import Finish, Pair, Ready
from wire.drops import drop_unexpected
from wire.lending import Spare
from wire.logs import Log
from wire.packets import PeerGoneError, receive_packet, send_packet, socket_pair

_FIRST_FREE_FD: Final = 3

TICK_MS: Final = 250
"""How late it may be noticed that the kernel has room again."""


def main() -> NoReturn:
    """Be the login server, until the supervisor or the vault is gone."""
    live(_work)


def _work(birth: Birth) -> None:
    settings = birth.settings(LoginServerSettings)
    (death_pipe,) = birth.descriptors
    # The kernel reaps logins; what one of them has to say it says to the vault.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    birth.control.say(Ready())
    vault = _wait_for_vault(birth.control, birth.log)
    with contextlib.suppress(PeerGoneError):
        # Without its vault it has no use; the supervisor restarts both.
        _Server(birth.control, vault, death_pipe, birth.log).serve(settings.spares)


def _wait_for_vault(control: Control, log: Log) -> socket.socket:
    while True:
        heard = control.hear()
        match heard:
            case None:
                continue
            case (Pair(role="vault"), (descriptor,)):
                return socket.socket(fileno=descriptor)
            case (Finish(), _):
                raise EndedError
            case (message, descriptors):
                drop_unexpected(log, message, descriptors)


class _Server:
    """Keeps so many logins waiting as it was told."""

    def __init__(self, control: Control, vault: socket.socket, death_pipe: int, log: Log) -> None:
        self._control = control
        self._vault = vault
        self._death_pipe = death_pipe
        self._log = log
        self._unsaid: deque[socket.socket] = deque()
        """Logins of which the vault has not been told: the kernel had no room for that."""

    def serve(self, spares: int) -> NoReturn:
        """Replace each login that is taken, until the supervisor or the vault is gone."""
        self._control.set_blocking(blocking=False)
        for _ in range(spares):
            self._fork_one()
        poll = select.poll()
        poll.register(self._control.fileno(), select.POLLIN)
        poll.register(self._vault, select.POLLIN)
        while True:
            self._offer()
            ready = {descriptor for descriptor, _ in poll.poll(TICK_MS if self._unsaid else None)}
            if self._control.fileno() in ready:
                self._hear_supervisor()
            if self._vault.fileno() in ready:
                TAKEN.decode(receive_packet(self._vault).content)
                self._fork_one()

    def _hear_supervisor(self) -> None:
        while (heard := self._control.hear()) is not None:
            if isinstance(heard.message, Finish):
                raise EndedError
            drop_unexpected(self._log, *heard)

    def _fork_one(self) -> None:
        ours, theirs = socket_pair()
        _fork(lambda: _become_login(theirs, self._death_pipe))
        theirs.close()
        self._unsaid.append(ours)

    def _offer(self) -> None:
        """Tell the vault of each login; one of which it cannot be told now waits for the next."""
        with contextlib.suppress(BlockingIOError):
            while self._unsaid:
                send_packet(self._vault, encode(Spare()), [self._unsaid[0].fileno()])
                self._unsaid.popleft().close()


def _fork(body: Callable[[], NoReturn]) -> None:
    if os.fork():
        return
    try:
        body()
    finally:
        # Not reached but by an exception, whose text must not travel.
        os._exit(70)


def _become_login(vault: socket.socket, death_pipe: int) -> NoReturn:
    """Close everything but the two descriptors, and wait for a job."""
    quiet = os.open(os.devnull, os.O_RDWR)
    for standard in range(_FIRST_FREE_FD):
        os.dup2(quiet, standard)
    kept = sorted((vault.fileno(), death_pipe))
    edges = [_FIRST_FREE_FD - 1, *kept, 1 << 16]
    for low, high in pairwise(edges):
        os.closerange(low + 1, high)
    child.run(vault, death_pipe)
