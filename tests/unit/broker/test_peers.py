"""One role's socket: an identity is its key's, a message has two frames."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from broker.peers import (
    MisshapenError,
    Peers,
    Received,
    StrangerError,
    UnannouncedError,
    UnreachableError,
)
from broker.roster import PeerRole, Roster, start_authenticator
from tests.harness.waiting import until
from tests.unit.broker.making import A, B, an_execute
from wire.codec import encode
from wire.messages import Hello
from wire.names import Incarnation
from wire.sockets import (
    KeyPair,
    RawSocket,
    connected_socket,
    listening_socket,
    new_context,
    new_key_pair,
)

HELLO = encode(Hello())


class Line:
    """A role's socket with two keys on its roster, and those who knock."""

    def __init__(self, directory: str) -> None:
        self.context = new_context()
        self.roster = Roster()
        self.keys = {A: new_key_pair(), B: new_key_pair()}
        for incarnation, keys in self.keys.items():
            self.roster.join(incarnation, keys.public)
        rosters: dict[PeerRole, Roster] = {"executor": self.roster}
        self._authenticator = start_authenticator(self.context, rosters)
        self._own = new_key_pair()
        self._endpoint = f"ipc://{Path(directory) / 'socket'}"
        link = listening_socket(self.context, self._endpoint, keys=self._own, domain="executor")
        self.peers = Peers("executor", link, self.roster)
        self._knocking: list[RawSocket] = []

    def knock(self, identity: str, keys: KeyPair) -> RawSocket:
        made = connected_socket(
            self.context,
            self._endpoint,
            keys=keys,
            server_key=self._own.public,
            identity=identity,
        )
        self._knocking.append(made)
        return made

    def receive(self) -> Received:
        """Return the next message, when it has come."""
        assert self.comes_within(10_000), "nothing came"
        received = self.peers.receive()
        assert received is not None
        return received

    def comes_within(self, milliseconds: int) -> bool:
        """Return whether a message is there, having waited for it."""
        poller = zmq.Poller()
        poller.register(self.peers.link, zmq.POLLIN)
        return bool(poller.poll(milliseconds))

    def close(self) -> None:
        for made in [*self._knocking, self.peers.link]:
            made.close()
        self._authenticator.stop()
        self.context.term()


@pytest.fixture
def line() -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as directory:
        made = Line(directory)
        yield made
        made.close()


def say(link: RawSocket, *frames: bytes) -> None:
    for frame in frames[:-1]:
        link.send(frame, zmq.SNDMORE)
    link.send(frames[-1])


def test_a_message_comes_with_the_name_of_its_sender(line: Line) -> None:
    executor = line.knock(A, line.keys[A])
    say(executor, HELLO, b"")
    say(executor, b"header", b"payload")

    assert line.receive() == Received(A, HELLO, b"")
    assert line.receive() == Received(A, b"header", b"payload")
    assert line.peers.receive() is None


def test_a_name_that_is_another_key_s_is_a_stranger_s(line: Line) -> None:
    impostor = line.knock(A, line.keys[B])
    say(impostor, HELLO, b"")

    with pytest.raises(StrangerError) as dropped:
        line.receive()

    assert (dropped.value.sender, dropped.value.size_bytes) == (B, len(HELLO))
    assert line.peers.receive() is None


def test_a_name_is_not_free_to_be_taken_when_its_connection_breaks(line: Line) -> None:
    executor = line.knock(A, line.keys[A])
    say(executor, HELLO, b"")
    line.receive()
    executor.close()
    until(lambda: is_unreachable(line, A))

    assert until(lambda: dropped_as_a_strangers(line, A, line.keys[B])) == B


def dropped_as_a_strangers(line: Line, identity: Incarnation, keys: KeyPair) -> str | None:
    """Return whose key a message under that name came by; None while ZeroMQ still keeps the name.

    A connection that comes before the broken one is forgotten is never heard.
    """
    say(line.knock(identity, keys), b"forged", b"")
    if not line.comes_within(200):
        return None
    with pytest.raises(StrangerError) as dropped:
        line.peers.receive()
    return dropped.value.sender


def is_unreachable(line: Line, incarnation: Incarnation) -> bool:
    try:
        line.peers.send(incarnation, b"", b"")
    except UnreachableError:
        return True
    return False


def test_the_first_message_of_a_peer_is_its_greeting_or_dropped(line: Line) -> None:
    executor = line.knock(A, line.keys[A])
    say(executor, encode(an_execute()), b"payload")
    say(executor, HELLO, b"")

    with pytest.raises(UnannouncedError) as dropped:
        line.receive()

    assert (dropped.value.sender, dropped.value.size_bytes) == (A, len(encode(an_execute())))
    assert line.receive() == Received(A, HELLO, b"")


@pytest.mark.parametrize(
    "frames", [(b"one",), (b"one", b"two", b"three"), (b"",) * 9], ids=["one", "three", "nine"]
)
def test_a_message_of_another_shape_is_dropped_and_the_next_is_read(
    line: Line, frames: tuple[bytes, ...]
) -> None:
    executor = line.knock(A, line.keys[A])
    say(executor, HELLO, b"")
    say(executor, *frames)
    say(executor, b"header", b"payload")
    line.receive()

    with pytest.raises(MisshapenError) as dropped:
        line.receive()

    assert (dropped.value.sender, dropped.value.size_bytes) == (A, len(frames[0]))
    assert line.receive() == Received(A, b"header", b"payload")


@pytest.mark.parametrize("frames", [(b"one",), (HELLO, b"", b"")], ids=["one", "three"])
def test_a_misshapen_first_message_is_dropped_too(line: Line, frames: tuple[bytes, ...]) -> None:
    executor = line.knock(A, line.keys[A])
    say(executor, *frames)
    say(executor, HELLO, b"")

    with pytest.raises((MisshapenError, UnannouncedError)):
        line.receive()

    assert line.receive() == Received(A, HELLO, b"")


def test_who_was_forgotten_is_asked_for_its_key_again(line: Line) -> None:
    executor = line.knock(A, line.keys[A])
    say(executor, HELLO, b"")
    line.receive()
    line.roster.leave(A)
    line.peers.forget(A)
    say(executor, b"header", b"payload")

    with pytest.raises(StrangerError) as dropped:
        line.receive()

    assert dropped.value.sender is None


@pytest.mark.parametrize("size", [0, 1 << 10, 1 << 20])
def test_what_is_sent_arrives_in_two_frames(line: Line, size: int) -> None:
    executor = line.knock(A, line.keys[A])
    say(executor, HELLO, b"")
    line.receive()

    line.peers.send(A, b"header", bytes(size))

    assert executor.recv() == b"header"
    assert executor.recv() == bytes(size)
    assert not executor.get(zmq.RCVMORE)


def test_a_peer_that_never_came_is_unreachable(line: Line) -> None:
    with pytest.raises(UnreachableError):
        line.peers.send(Incarnation("executor-9.00000009"), b"header", b"payload")


def test_a_peer_that_does_not_read_becomes_unreachable(line: Line) -> None:
    executor = line.knock(A, line.keys[A])
    say(executor, HELLO, b"")
    line.receive()

    def fill() -> None:
        for _ in range(100_000):
            line.peers.send(A, b"header", bytes(4096))

    with pytest.raises(UnreachableError):
        fill()
