"""The router's listening sockets: whole messages, from peers whose identity is their key's."""

from typing import ClassVar, Final, NamedTuple

import zmq

from broker.roster import PeerRole, Roster
from wire.codec import HELLO, MalformedMessageError
from wire.names import Incarnation
from wire.sockets import MORE, NOW, NOW_AND_MORE, RawSocket

LARGE_BYTES: Final = 64 << 10
"""From here on copying a payload costs more than keeping track of it."""

REQUEST_MAX_BYTES: Final = (4 << 20) + (64 << 10)
"""Of one frame from a gateway: what a client sends has at most 4 MiB, and the cipher adds a little.

Others may need more, for results; they hold no more of those than they have slots.
"""

BATCH: Final = 64
"""Messages taken from one socket before the others get their turn."""


class Received(NamedTuple):
    """One message as it came."""

    sender: Incarnation
    header: bytes
    payload: bytes


class DroppedError(Exception):
    """A message is dropped: whose key it came with, if anybody's, and the size of its header."""

    why: ClassVar[str]
    """For the log."""

    def __init__(self, sender: Incarnation | None, size_bytes: int) -> None:
        super().__init__(f"{self.why}, {size_bytes} bytes")
        self.sender: Final = sender
        self.size_bytes: Final = size_bytes


class StrangerError(DroppedError):
    """Somebody sent a message under an identity that is not its own."""

    why = "another's name"


class UnannouncedError(DroppedError):
    """A peer that has not said Hello to this router sent something else."""

    why = "no Hello before it"


class MisshapenError(DroppedError):
    """A message does not have exactly two frames after its sender's identity."""

    why = "not two frames"


class ImpersonationError(DroppedError):
    """A gateway asked as a principal that it may not speak for."""

    why = "another's principal"


class UnreachableError(Exception):
    """A peer is gone, or has left so much unread that it might as well be."""


class Peers:
    """One role's socket."""

    def __init__(self, role: PeerRole, link: RawSocket, roster: Roster) -> None:
        self.role: Final = role
        self.link: Final = link
        self._roster = roster
        self._known: dict[bytes, str] = {}
        """By identity: the key that it greeted with."""

    def receive(self) -> Received | None:
        """Return the next message, None when there is none.

        Raises a DroppedError for one that is dropped.
        """
        link = self.link
        try:
            identity = link.recv(NOW)
        except zmq.Again:
            return None
        header = self._header(identity)
        sender = Incarnation(identity.decode())
        if not link.get(MORE):
            raise MisshapenError(sender, len(header))
        payload = link.recv()
        if link.get(MORE):
            self._drop_rest()
            raise MisshapenError(sender, len(header))
        return Received(sender, header, payload)

    def _header(self, identity: bytes) -> bytes:
        """Return the header, when the key of the connection that it came on is its sender's.

        That is asked of every message, for 0.4 µs: an identity whose connection has broken is free
        to be taken by another peer with a key of its own.
        """
        frame = self.link.recv(copy=False)
        key = frame.get("User-Id")
        if not isinstance(key, str) or self._known.get(identity) != key:
            self._greeted(identity, key, frame.bytes)
        return frame.bytes

    def _greeted(self, identity: bytes, key: object, header: bytes) -> None:
        """Bind an identity to the key of the connection that it came on."""
        # By its key, because the identity that it claims may be anything.
        sender = self._roster.name_of(key) if isinstance(key, str) else None
        if not isinstance(key, str) or not self._roster.holds(identity, key):
            self._drop_rest()
            raise StrangerError(sender, len(header))
        if not _is_hello(header):
            # It was meant for the router before this one, and has been answered for there.
            self._drop_rest()
            raise UnannouncedError(sender, len(header))
        self._known[identity] = key

    def _drop_rest(self) -> None:
        while self.link.get(MORE):
            self.link.recv()

    def send(self, to: Incarnation, header: bytes, payload: bytes) -> None:
        """Send one message; raise UnreachableError where it cannot be queued."""
        try:
            self.link.send(to.encode(), NOW_AND_MORE)
            self.link.send(header, NOW_AND_MORE)
            if len(payload) < LARGE_BYTES:
                self.link.send(payload, NOW)
            else:
                self.link.send(payload, NOW, copy=False)
        except zmq.ZMQError as error:
            if error.errno in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise UnreachableError from None
            raise

    def forget(self, incarnation: Incarnation) -> None:
        """Bind this identity anew, should it ever be seen again."""
        self._known.pop(incarnation.encode(), None)


def _is_hello(header: bytes) -> bool:
    try:
        HELLO.decode(header)
    except MalformedMessageError:
        return False
    return True
