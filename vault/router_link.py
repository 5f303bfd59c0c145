"""The vault's socket to the router: two frames a message, made anew for every router."""

from collections.abc import Iterator

import zmq

from wire.codec import TO_VAULT, MalformedMessageError, encode
from wire.messages import FromVault, Hello, ToVault
from wire.names import Incarnation
from wire.sockets import (
    RawSocket,
    connected_socket,
    descriptor_of,
    new_context,
    new_key_pair,
)


class RouterLink:
    """Says and hears; what cannot be said, because no router is there, is dropped with it."""

    def __init__(self, incarnation: Incarnation) -> None:
        self._incarnation = incarnation
        self._keys = new_key_pair()
        self._context = new_context()
        self._socket: RawSocket | None = None

    @property
    def public_key(self) -> bytes:
        """Return the key by which the router knows us."""
        return self._keys.public

    @property
    def descriptor(self) -> int | None:
        """Return what to wait on, or None without a router."""
        return None if self._socket is None else descriptor_of(self._socket)

    def connect(self, endpoint: str, server_key: bytes) -> int:
        """Greet the router at *endpoint*; return the descriptor to wait on."""
        self._socket = connected_socket(
            self._context,
            endpoint,
            keys=self._keys,
            server_key=server_key,
            identity=self._incarnation,
        )
        self.say(Hello(incarnation=self._incarnation))
        return descriptor_of(self._socket)

    def close(self) -> None:
        """Drop the socket with all that is queued in it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def say(self, message: FromVault, payload: bytes = b"") -> None:
        """Send one message; without a router nobody waits for it any more."""
        if self._socket is None:
            return
        try:
            self._socket.send(encode(message), zmq.SNDMORE | zmq.NOBLOCK)
            self._socket.send(payload, zmq.NOBLOCK)
        except zmq.Again:
            # The router has not read 4,096 messages: it is stuck, and its clients' deadlines speak.
            return

    def hear(self) -> Iterator[ToVault | None]:
        """Yield what has come, None for what is not a message of the router's."""
        while self._socket is not None:
            try:
                header = self._socket.recv(zmq.NOBLOCK)
                more = self._socket.get(zmq.RCVMORE)
                payload = self._socket.recv(zmq.NOBLOCK) if more else b""
            except zmq.Again:
                return
            del payload
            try:
                yield TO_VAULT.decode(header)
            except MalformedMessageError:
                yield None
