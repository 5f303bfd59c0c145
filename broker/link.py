"""A gateway's requests to the router: each is answered exactly once, whatever dies on the way.

The asyncio side of one DEALER socket. A request waits while there is no router, for as long as its
own deadline; what was sent and not answered when the router died may have run, and its answer says
so. A socket is never used for a second router: what is queued in it must not be sent twice.
"""

import asyncio
import itertools
from typing import Final, TypeAlias

import msgspec
import zmq
from zmq.backend import Socket as RawSocket

from broker.outcomes import unanswered
from wire.codec import TO_GATEWAY, MalformedMessageError, encode
from wire.faults import Fault, FaultCode
from wire.logs import Log
from wire.messages import (
    Answer,
    Cancel,
    Connect,
    Disconnect,
    Execute,
    Failed,
    Hello,
    ListConnections,
)
from wire.names import Incarnation, RequestId
from wire.results import failure
from wire.sockets import KeyPair, connected_socket, new_key_pair

Request: TypeAlias = Connect | Execute | Disconnect | ListConnections

GIVE_UP_S: Final = 2.0
"""How long after a request's deadline its answer may still come: the router enforces it too."""

_GOODBYE_MS: Final = 100
"""For the Cancels of a gateway that ends; more would hold up the stop of everything."""

_BATCH: Final = 256
"""Answers taken in one go, so that a flood of them does not starve the clients."""

# Plain numbers, because an operation on ZeroMQ's enums costs as much as a send.
_NOW: Final = int(zmq.NOBLOCK)
_NOW_AND_MORE: Final = int(zmq.NOBLOCK | zmq.SNDMORE)
_EVENTS: Final = int(zmq.EVENTS)
_READABLE: Final = int(zmq.POLLIN)
_MORE: Final = int(zmq.RCVMORE)


class _Asked:
    """One request that waits for its answer."""

    __slots__ = ("expires_at", "future", "message", "payload", "sent", "timer")

    def __init__(self, message: Request, payload: bytes, expires_at: float) -> None:
        self.message = message
        self.payload = payload
        self.expires_at = expires_at
        self.sent = False
        self.future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.timer: asyncio.TimerHandle | None = None

    def end(self, result: bytes) -> None:
        """Settle the request, unless it is settled."""
        if self.timer is not None:
            self.timer.cancel()
        if not self.future.done():
            self.future.set_result(result)

    def wait_until(self, when: float, fault: Fault) -> None:
        """End the request with *fault* at *when*, if nothing else ends it before."""
        if self.timer is not None:
            self.timer.cancel()
        loop = asyncio.get_running_loop()
        self.timer = loop.call_at(when, lambda: self.end(failure(fault)))


class RouterLink:
    """The gateway's end of the link to whichever router there is."""

    def __init__(self, incarnation: Incarnation, *, waiting_max: int, log: Log) -> None:
        self._incarnation = incarnation
        self._waiting_max = waiting_max
        self._log = log
        self._keys: KeyPair = new_key_pair()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket: RawSocket | None = None
        self._asked: dict[RequestId, _Asked] = {}
        self._numbers = itertools.count(1)

    @property
    def public_key(self) -> bytes:
        """Return the key under which the router will know this gateway."""
        return self._keys.public

    def new_request_id(self) -> RequestId:
        """Return an id that this gateway never used before."""
        return RequestId(str(next(self._numbers)))

    async def ask(self, message: Request, payload: bytes = b"", *, deadline_s: float) -> bytes:
        """Return the CallToolResult that answers *message*; every failure is one too.

        Cancelling the task that waits here cancels the request.
        """
        if len(self._asked) >= self._waiting_max:
            return failure(Fault(code=FaultCode.OVERLOADED))
        asked = _Asked(message, payload, asyncio.get_running_loop().time() + deadline_s)
        self._asked[message.request_id] = asked
        try:
            self._submit(asked)
            result = await asked.future
        except asyncio.CancelledError:
            self._withdraw(asked)
            raise
        finally:
            asked.end(b"")
            del self._asked[message.request_id]
        return result

    def router_ready(self, endpoint: str, public_key: bytes) -> None:
        """Use the router at *endpoint* from now on, and send it what has been waiting."""
        self.router_lost()
        made = self._open_socket(endpoint, public_key)
        asyncio.get_running_loop().add_reader(int(made.get(zmq.FD)), self._read)
        self._socket = made
        self._send(encode(Hello(incarnation=self._incarnation)), b"")
        for asked in self._asked.values():
            if not asked.future.done():
                self._submit(asked)

    def router_lost(self) -> None:
        """End all that was sent, and let what comes now wait for the next router."""
        self._close_socket(linger_ms=0)
        for asked in self._asked.values():
            if asked.sent:
                asked.end(failure(unanswered(asked.message)))

    def end_all(self) -> None:
        """Answer everything that waits with what is known of it."""
        for asked in self._asked.values():
            fault = unanswered(asked.message) if asked.sent else Fault(code=FaultCode.UNAVAILABLE)
            asked.end(failure(fault))

    def close(self) -> None:
        """End everything, with what is still queued given a moment to leave."""
        self.end_all()
        self._close_socket(linger_ms=_GOODBYE_MS)
        self._context.term()

    def _open_socket(self, endpoint: str, public_key: bytes) -> RawSocket:
        return connected_socket(
            self._context,
            endpoint,
            keys=self._keys,
            server_key=public_key,
            identity=self._incarnation,
        )

    def _close_socket(self, *, linger_ms: int) -> None:
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(int(self._socket.get(zmq.FD)))
        self._socket.close(linger_ms)
        self._socket = None

    def _submit(self, asked: _Asked) -> None:
        """Send the request, or have it wait for a router."""
        if self._socket is None:
            asked.wait_until(asked.expires_at, Fault(code=FaultCode.UNAVAILABLE))
            return
        left_s = max(0.0, asked.expires_at - asyncio.get_running_loop().time())
        message = msgspec.structs.replace(asked.message, deadline_ms=int(left_s * 1000))
        if not self._send(encode(message), asked.payload):
            asked.end(failure(Fault(code=FaultCode.OVERLOADED)))
            return
        asked.sent = True
        asked.payload = b""
        asked.wait_until(asked.expires_at + GIVE_UP_S, unanswered(asked.message))

    def _withdraw(self, asked: _Asked) -> None:
        if asked.sent and self._socket is not None:
            self._send(encode(Cancel(request_id=asked.message.request_id)), b"")

    def _send(self, header: bytes, payload: bytes) -> bool:
        """Return False where the queue to the router is full, which refuses both frames."""
        link = self._socket
        if link is None:
            return False
        try:
            link.send(header, _NOW_AND_MORE)
            link.send(payload, _NOW)
        except zmq.Again:
            return False
        # ZMQ_FD is edge-triggered: a send may have taken note of an arrival without telling us.
        if int(link.get(_EVENTS)) & _READABLE:
            asyncio.get_running_loop().call_soon(self._read)
        return True

    def _read(self) -> None:
        """Take the answers that are there."""
        for _ in range(_BATCH):
            link = self._socket
            if link is None or not int(link.get(_EVENTS)) & _READABLE:
                return
            frames = [link.recv(_NOW)]
            while int(link.get(_MORE)):
                frames.append(link.recv(_NOW))
            self._settle(frames)
        asyncio.get_running_loop().call_soon(self._read)

    def _settle(self, frames: list[bytes]) -> None:
        try:
            header, payload = frames
            message = TO_GATEWAY.decode(header)
        except (MalformedMessageError, ValueError):
            self._log.warning("malformed_message", sender="router", bytes=sum(map(len, frames)))
            return
        asked = self._asked.get(message.request_id)
        if asked is None:
            # Its client went away, or did not want to wait any longer.
            return
        match message:
            case Answer():
                asked.end(payload)
            case Failed(fault=fault):
                asked.end(failure(fault))
