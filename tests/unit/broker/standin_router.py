"""A router for the gateway's tests: a real ROUTER socket that speaks wire.messages."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Self, TypeAlias

import zmq

from wire.codec import FROM_GATEWAY, encode
from wire.faults import Fault
from wire.messages import (
    Answer,
    Cancel,
    Connect,
    Disconnect,
    Execute,
    Failed,
    FromGateway,
    Hello,
    ListConnections,
)
from wire.results import success
from wire.sockets import new_key_pair

ID = "A" * 43
SETTLED_S = 5.0
DESCRIBED = {
    "type": "postgresql",
    "host": "localhost",
    "database": "d",
    "access": "read-only",
}

Reply: TypeAlias = bytes | Fault | None
Behavior: TypeAlias = Callable[[FromGateway, bytes], Reply]


def friendly(message: FromGateway, _payload: bytes) -> Reply:
    """Answer every request as the real system would on a good day."""
    match message:
        case ListConnections():
            return success({"connections": [{"name": "demo", "access": "read-only"}]})
        case Connect(name=name):
            return success({"connection_id": ID, "connection_name": name, **DESCRIBED})
        case Execute():
            return success({"rows": [{"n": 1, "€": "ü\\\"'\n"}], "row_count": 1})
        case Disconnect():
            return success({})
        case _:
            return None


def silent(_message: FromGateway, _payload: bytes) -> Reply:
    """Answer nothing."""
    return None


class StandInRouter:
    """Answers gateways in a thread of its own, and remembers what they said."""

    def __init__(self, behavior: Behavior = friendly) -> None:
        self._behavior = behavior
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        keys = new_key_pair()
        self._socket.set(zmq.CURVE_SERVER, 1)
        self._socket.set(zmq.CURVE_SECRETKEY, keys.secret)
        self._socket.set(zmq.LINGER, 0)
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{port}"
        self.public_key = keys.public
        self.heard: queue.Queue[tuple[FromGateway, bytes]] = queue.Queue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()
        self._context.term()

    def next_of(self, kind: type[FromGateway]) -> tuple[FromGateway, bytes]:
        """Return the next message of that kind, and drop those before it."""
        deadline = time.monotonic() + SETTLED_S
        while True:
            message, payload = self.heard.get(timeout=max(0.0, deadline - time.monotonic()))
            if isinstance(message, kind):
                return message, payload

    def _serve(self) -> None:
        while not self._ending.is_set():
            if self._socket.poll(20):
                sender, header, payload = self._socket.recv_multipart()
                message = FROM_GATEWAY.decode(header)
                self.heard.put((message, payload))
                self._answer(sender, message, payload)

    def _answer(self, sender: bytes, message: FromGateway, payload: bytes) -> None:
        if isinstance(message, Hello | Cancel):
            return
        reply = self._behavior(message, payload)
        if isinstance(reply, Fault):
            failed = Failed(request_id=message.request_id, fault=reply)
            self._socket.send_multipart([sender, encode(failed), b""])
        elif reply is not None:
            answer = Answer(request_id=message.request_id)
            self._socket.send_multipart([sender, encode(answer), reply])
