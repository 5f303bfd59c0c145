"""`control.sock`: who may talk to us, one request from each; others decide what it means."""

import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from supervisor.watch import Watch
from wire.codec import FROM_CONSOLE, MalformedMessageError, encode
from wire.console import FromConsole, NotServed, ToConsole
from wire.logs import Log
from wire.packets import PeerGoneError, close_all, receive_packet, send_packet

CALLERS_MAX: Final = 128
BACKLOG: Final = 16

_UCRED: Final = struct.Struct("3i")  # pid, uid, gid: struct ucred of unix(7)
_OWNER_ONLY: Final = 0o177


@dataclass(frozen=True, eq=False)
class Caller:
    """One console command that waits for its answer."""

    link: socket.socket
    uid: int

    def answer(self, message: ToConsole, descriptors: tuple[int, ...] = ()) -> None:
        """Send *message*, unless nobody waits for it any more."""
        try:
            send_packet(self.link, encode(message), descriptors)
        except (PeerGoneError, BlockingIOError):
            return


Asked: TypeAlias = Callable[[Caller, FromConsole, tuple[int, ...]], None]
"""Called with a request; it owns the descriptors."""


class ConsoleSocket:
    """The listening socket and its callers."""

    def __init__(
        self,
        watch: Watch,
        path: Path,
        *,
        asked: Asked,
        left: Callable[[Caller], None],
        is_child: Callable[[int], bool],
        log: Log,
    ) -> None:
        self._watch = watch
        self._is_child = is_child
        self._asked = asked
        self._left = left
        self._log = log
        self._callers: set[Caller] = set()
        self._heard: set[Caller] = set()
        self._socket = _listen(path)
        watch.add(self._socket.fileno(), self._accept)

    def end(self, caller: Caller) -> None:
        """Close a caller's socket; nothing is heard of it any more."""
        if caller in self._callers:
            self._callers.discard(caller)
            self._heard.discard(caller)
            self._watch.drop(caller.link.fileno())
            caller.link.close()

    def close(self) -> None:
        """Close everything."""
        for caller in list(self._callers):
            self.end(caller)
        self._watch.drop(self._socket.fileno())
        self._socket.close()

    def _accept(self) -> None:
        try:
            link, _ = self._socket.accept()
        except OSError:
            return  # it left before we looked, or we have no descriptors left for it
        pid, uid = peer_of(link)
        # Our processes are of our user too, and one that was taken over would come this way.
        welcome = uid in {os.geteuid(), 0} and not self._is_child(pid)
        if not welcome or len(self._callers) >= CALLERS_MAX:
            self._log.warning("console_refused", uid=uid, pid=pid, callers=len(self._callers))
            link.close()
            return
        link.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        caller = Caller(link, uid)
        self._callers.add(caller)
        self._watch.add(link.fileno(), lambda: self._readable(caller))

    def _readable(self, caller: Caller) -> None:
        if caller not in self._callers:
            return
        try:
            data, descriptors = receive_packet(caller.link)
        except BlockingIOError:
            return
        except PeerGoneError:
            self._left(caller)
            self.end(caller)
            return
        except MalformedMessageError:
            data, descriptors = b"", ()
        self._take(caller, data, descriptors)

    def _take(self, caller: Caller, data: bytes, descriptors: tuple[int, ...]) -> None:
        try:
            message = FROM_CONSOLE.decode(data)
        except MalformedMessageError:
            message = None
        if message is None or caller in self._heard:
            close_all(descriptors)
            self._log.warning("console_malformed", uid=caller.uid, size_bytes=len(data))
            caller.answer(NotServed(sentence="that is not a request of this version's console"))
            self._left(caller)
            self.end(caller)
            return
        self._heard.add(caller)
        self._asked(caller, message, descriptors)


def peer_of(link: socket.socket) -> tuple[int, int]:
    """Return the process and the user at the other end, as the kernel knows them (SO_PEERCRED)."""
    found = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, _ = _UCRED.unpack(found)
    return int(pid), int(uid)


def _listen(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = os.umask(_OWNER_ONLY)
    try:
        made.bind(str(path))
    finally:
        os.umask(before)
    made.listen(BACKLOG)
    made.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    return made
