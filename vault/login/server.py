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
from collections.abc import Callable
from itertools import pairwise
from typing import Final, NoReturn

from vault.login import child
from vault.login.settings import LoginServerSettings
from wire.child import Birth, Control, EndedError, live
from wire.codec import TAKEN, MalformedMessageError, encode
from wire.control import Finish, Pair, Ready
from wire.lending import Spare
from wire.logs import Log
from wire.packets import PeerGoneError, receive_packet, send_packet, socket_pair

_FIRST_FREE_FD: Final = 3


def main() -> NoReturn:
    """Be the login server, until the supervisor or the vault is gone."""
    live(_work)


def _work(birth: Birth, _log: Log) -> None:
    settings = birth.settings(LoginServerSettings)
    (death_pipe,) = birth.descriptors
    # The kernel reaps logins; what one of them has to say it says to the vault.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    birth.control.say(Ready())
    vault = _wait_for_vault(birth.control)
    with contextlib.suppress(PeerGoneError):
        # Without its vault it has no use; the supervisor restarts both.
        _serve(birth.control, vault, spares=settings.spares, death_pipe=death_pipe)


def _wait_for_vault(control: Control) -> socket.socket:
    while True:
        heard = control.hear()
        match heard:
            case None:
                continue
            case (Pair(role="vault"), (descriptor,)):
                return socket.socket(fileno=descriptor)
            case (Finish(), _):
                raise EndedError
            case _:
                raise MalformedMessageError("not for a login server")


def _serve(control: Control, vault: socket.socket, *, spares: int, death_pipe: int) -> None:
    for _ in range(spares):
        _offer(vault, death_pipe)
    poll = select.poll()
    poll.register(control.fileno(), select.POLLIN)
    poll.register(vault, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if control.fileno() in ready:
            # Finish, or the supervisor is gone: both end us.
            raise EndedError
        if vault.fileno() in ready:
            TAKEN.decode(receive_packet(vault).data)
            _offer(vault, death_pipe)


def _offer(vault: socket.socket, death_pipe: int) -> None:
    ours, theirs = socket_pair()
    _fork(lambda: _become_login(theirs, death_pipe))
    with ours, theirs:
        send_packet(vault, encode(Spare()), [ours.fileno()])


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
