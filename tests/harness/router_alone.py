"""A real router, with the test as supervisor and as every peer."""

import os
import tempfile
from pathlib import Path
from typing import Final, Self

import zmq
from msgspec import Struct

from tests.harness.children import Child
from wire.codec import encode
from wire.control import Admitted, PeerJoined, PeerLeft, Ready
from wire.messages import Hello
from wire.names import Incarnation, Principal, Role
from wire.sockets import KeyPair, RawSocket, connected_socket, new_context, new_key_pair

PATIENCE_MS: Final = 10_000
SILENCE_MS: Final = 300
ALICE: Final = Principal("token:alice")
"""Whom a gateway speaks for, unless a test says otherwise."""
ROLES: Final[tuple[Role, ...]] = ("gateway", "executor", "file-executor", "vault")


class Peer:
    """One socket to the router."""

    def __init__(self, socket: RawSocket, incarnation: Incarnation) -> None:
        self.incarnation = incarnation
        self._socket = socket

    def say(self, message: Struct, payload: bytes = b"") -> None:
        """Say one message."""
        self.say_frames(encode(message), payload)

    def say_frames(self, *frames: bytes) -> None:
        """Say what need not be a message."""
        for frame in frames[:-1]:
            self._socket.send(frame, zmq.SNDMORE)
        self._socket.send(frames[-1])

    def hear(self) -> tuple[bytes, bytes]:
        """Return the header and the payload of the next message."""
        assert self._comes(PATIENCE_MS), "the router says nothing"
        return self._socket.recv(), self._socket.recv()

    def hears_nothing(self) -> bool:
        """Return whether nothing comes for a while."""
        return not self._comes(SILENCE_MS)

    def close(self) -> None:
        """Leave without a word."""
        self._socket.close()

    def _comes(self, within_ms: int) -> bool:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        return bool(poller.poll(within_ms))


class RouterAlone:
    """The router's process, and those who talk to it."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory()
        self._context = new_context()
        self._key_memory = os.memfd_create("router-key")
        self._peers: list[Peer] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.child.__exit__()
        for peer in self._peers:
            peer.close()
        self._context.term()
        os.close(self._key_memory)
        self._directory.cleanup()

    def start(self) -> None:
        """Start the process; it finds the same key memory every time."""
        endpoints = {role.replace("-", "_"): self.endpoint(role) for role in ROLES}
        self.child = Child(
            "router",
            settings={
                "endpoints": endpoints,
                "waiting_max": 100,
                "statements_per_lease": 100,
                "statements_per_principal": 100,
            },
            descriptors=[self._key_memory],
        )
        self.public_key = self.child.hear(Ready).public_key

    def restart(self) -> None:
        """Kill the router and start the next one."""
        self.child.__exit__()
        self.start()

    def endpoint(self, role: Role) -> str:
        """Return where the router listens for that role."""
        return f"ipc://{Path(self._directory.name) / role}"

    def admit(
        self,
        role: Role,
        incarnation: Incarnation,
        public_key: bytes,
        principal: Principal = ALICE,
    ) -> None:
        """Tell the router of a process, and wait until it lets it in."""
        joined = PeerJoined(
            role=role, incarnation=incarnation, public_key=public_key, principal=principal
        )
        self.child.say(joined)
        assert self.child.hear(Admitted).incarnation == incarnation

    def leave(self, role: Role, peer: Peer) -> None:
        """Tell the router that a process is gone."""
        self.child.say(PeerLeft(role=role, incarnation=peer.incarnation))

    def socket(
        self, role: Role, incarnation: Incarnation, keys: KeyPair, *, server_key: bytes = b""
    ) -> Peer:
        """Return a socket on its way to that role's endpoint."""
        made = connected_socket(
            self._context,
            self.endpoint(role),
            keys=keys,
            server_key=server_key or self.public_key,
            identity=incarnation,
        )
        peer = Peer(made, incarnation)
        self._peers.append(peer)
        return peer

    def peer(self, role: Role, incarnation: str, *, slots: int = 1) -> Peer:
        """Return a peer that the router knows and that has greeted it."""
        name, keys = Incarnation(incarnation), new_key_pair()
        self.admit(role, name, keys.public)
        peer = self.socket(role, name, keys)
        peer.say(Hello(slots=slots))
        return peer
