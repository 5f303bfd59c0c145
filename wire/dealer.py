"""A peer's socket to the router, made anew for each: what was queued in one is not sent twice.

A message is two frames, a header and a payload. The descriptor to wait on (ZMQ_FD) is
edge-triggered, and any look at the socket, a send among them, takes the edge away: before waiting
on it, look once at both directions, and find that there is nothing to do in either.
"""

from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
import zmq

from wire.codec import Codec, MalformedMessageError, encode
from wire.messages import Hello
from wire.names import Incarnation
from wire.sockets import (
    MORE,
    NOW,
    NOW_AND_MORE,
    RawSocket,
    connected_socket,
    descriptor_of,
    new_context,
    new_key_pair,
)

T = TypeVar("T")

_EVENTS: Final = int(zmq.EVENTS)
_READABLE: Final = int(zmq.POLLIN)
_WRITABLE: Final = int(zmq.POLLOUT)


@dataclass(frozen=True, slots=True)
class FromRouter(Generic[T]):
    """One message and its payload."""

    message: T
    payload: bytes


class Passable(NamedTuple):
    """In which directions a message would pass."""

    to_hear: bool
    to_say: bool


class Dealer(Generic[T]):
    """A socket while there is a router, and nothing in between; for one thread."""

    def __init__(self, incarnation: Incarnation, codec: Codec[T], *, slots: int = 1) -> None:
        self._incarnation: Final = incarnation
        self._hello: Final = Hello(slots=slots)
        self._codec = codec
        self._keys = new_key_pair()
        self._context = new_context()
        self._socket: RawSocket | None = None

    @property
    def public_key(self) -> bytes:
        """Return the key (Z85) by which every router knows us."""
        return self._keys.public

    @property
    def is_connected(self) -> bool:
        """Return whether there is a router to talk to."""
        return self._socket is not None

    def fileno(self) -> int | None:
        """Return the descriptor to wait on, or None between two routers."""
        return None if self._socket is None else descriptor_of(self._socket)

    def connect(self, endpoint: str, server_key: bytes) -> int:
        """Use a new socket, introduce ourselves, and return the descriptor to wait on."""
        self.disconnect()
        self._socket = connected_socket(
            self._context,
            endpoint,
            keys=self._keys,
            server_key=server_key,
            identity=self._incarnation,
        )
        self.say(self._hello)
        return descriptor_of(self._socket)

    def disconnect(self, *, linger_ms: int = 0) -> None:
        """Close the socket; what is queued in it has that long to leave."""
        if self._socket is not None:
            self._socket.close(linger_ms)
            self._socket = None

    def close(self, *, linger_ms: int = 0) -> None:
        """Close for good."""
        self.disconnect(linger_ms=linger_ms)
        self._context.term()

    def say(self, message: msgspec.Struct, payload: bytes = b"") -> bool:
        """Send one message; return False, with nothing sent, without a router or room."""
        if self._socket is None:
            return False
        try:
            self._socket.send(encode(message), NOW_AND_MORE)
            self._socket.send(payload, NOW)
        except zmq.Again:
            return False
        return True

    def look(self) -> Passable:
        """Return what could be done now; without a router it is nothing."""
        events = 0 if self._socket is None else int(self._socket.get(_EVENTS))
        return Passable(bool(events & _READABLE), bool(events & _WRITABLE))

    def hear(self) -> FromRouter[T] | None:
        """Return the next message, None when there is none yet.

        Raises MalformedMessageError for one that is dropped.
        """
        link = self._socket
        if link is None:
            return None
        try:
            frames = [link.recv(NOW)]
        except zmq.Again:
            return None
        while link.get(MORE):
            frames.append(link.recv())
        match frames:
            case [header, payload]:
                return FromRouter(self._codec.decode(header), payload)
            case _:
                raise MalformedMessageError(sum(map(len, frames)))
