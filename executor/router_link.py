"""Our socket to the router, whichever router that is; for the loop's thread only.

Messages are two frames: a header that we say or understand, and a payload. The socket's descriptor
(ZMQ_FD) is edge-triggered, and any look at the socket takes the edge away: before waiting on it,
look once at both directions, and find that there is nothing to do in either.
"""

from typing import Final, NamedTuple

import zmq
from zmq.backend import Socket as RawSocket

from wire.codec import TO_EXECUTOR, MalformedMessageError, encode
from wire.logs import Log
from wire.messages import Hello, Ran, ToExecutor
from wire.names import Incarnation, RunId
from wire.sockets import KeyPair, connected_socket


class FromRouter(NamedTuple):
    """One message and its payload."""

    message: ToExecutor
    payload: bytes


class Ready(NamedTuple):
    """In which directions a message would pass."""

    to_hear: bool
    to_say: bool


class RouterLink:
    """A socket while there is a router, and nothing in between."""

    def __init__(self, incarnation: Incarnation, slots: int, *, keys: KeyPair, log: Log) -> None:
        self._incarnation = incarnation
        self._slots = slots
        self._keys = keys
        self._log = log
        self._context: Final[zmq.Context[zmq.Socket[bytes]]] = zmq.Context()
        self._socket: RawSocket | None = None

    def connect(self, endpoint: str, public_key: bytes) -> None:
        """Use a new socket and introduce ourselves; what was queued in the old one is gone."""
        self.disconnect()
        self._socket = connected_socket(
            self._context,
            endpoint,
            keys=self._keys,
            server_key=public_key,
            identity=self._incarnation,
        )
        hello = Hello(incarnation=self._incarnation, slots=self._slots)
        self._send(self._socket, encode(hello), b"")

    def disconnect(self) -> None:
        """Close the socket with all that is queued in it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Close for good."""
        self.disconnect()
        self._context.term()

    def fileno(self) -> int | None:
        """Return the descriptor to wait on, or None between two routers."""
        return None if self._socket is None else int(self._socket.get(zmq.FD))

    def look(self) -> Ready:
        """Return what could be done now; without a router it is nothing."""
        events = 0 if self._socket is None else int(self._socket.get(zmq.EVENTS))
        return Ready(bool(events & zmq.POLLIN), bool(events & zmq.POLLOUT))

    def hear(self) -> FromRouter | None:
        """Return the message that is there, or None for one that makes no sense."""
        if self._socket is None:
            return None
        header = self._socket.recv()
        payload = self._socket.recv() if self._socket.get(zmq.RCVMORE) else None
        extra = self._skip_rest(self._socket)
        try:
            message = TO_EXECUTOR.decode(header)
        except MalformedMessageError:
            message = None
        if message is None or payload is None or extra:
            self._log.warning("malformed_message", sender="router", header_bytes=len(header))
            return None
        return FromRouter(message, payload)

    def say_ran(self, run_id: RunId, payload: bytes) -> None:
        """Send the reply to a run; only where there is room."""
        if self._socket is not None:
            self._send(self._socket, encode(Ran(run_id=run_id)), payload)

    def _send(self, link: RawSocket, header: bytes, payload: bytes) -> None:
        link.send(header, zmq.SNDMORE | zmq.NOBLOCK)
        link.send(payload, zmq.NOBLOCK)

    def _skip_rest(self, link: RawSocket) -> int:
        extra = 0
        while link.get(zmq.RCVMORE):
            link.recv()
            extra += 1
        return extra
