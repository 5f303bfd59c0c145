"""Packets arrive whole, with their descriptors, or the conversation is over."""

import fcntl
import os
import socket
import struct
from collections.abc import Iterator

import pytest

from wire.codec import PACKET_MAX_BYTES, MalformedMessageError
from wire.packets import (
    DESCRIPTORS_MAX,
    PacketTooLargeError,
    PeerGoneError,
    close_all,
    is_packet_socket,
    receive_packet,
    send_packet,
    socket_pair,
)

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket_pair()
    with ours, theirs:
        ours.settimeout(0)
        theirs.settimeout(0)
        yield ours, theirs


def open_descriptors() -> set[int]:
    """Return what is open; the directory that is being listed is not counted."""
    return {int(name) for name in os.listdir("/proc/self/fd") if is_open(int(name))}  # noqa: PTH208 - numbers are wanted


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_packets_keep_their_bounds_and_their_order(pair: Pair) -> None:
    ours, theirs = pair
    for data in (b"one", b"two", b"x" * PACKET_MAX_BYTES):
        send_packet(ours, data)

        assert receive_packet(theirs) == (data, ())


def test_descriptors_arrive_in_order_and_are_not_inherited(pair: Pair) -> None:
    ours, theirs = pair
    made = [os.memfd_create(f"file {number}") for number in range(DESCRIPTORS_MAX)]

    send_packet(ours, b"files", made)
    data, descriptors = receive_packet(theirs)

    assert data == b"files"
    assert [os.fstat(one).st_ino for one in descriptors] == [os.fstat(one).st_ino for one in made]
    assert all(fcntl.fcntl(one, fcntl.F_GETFD) & fcntl.FD_CLOEXEC for one in descriptors)
    close_all([*made, *descriptors])


def test_a_packet_that_does_not_fit_is_not_sent(pair: Pair) -> None:
    ours, theirs = pair

    with pytest.raises(PacketTooLargeError):
        send_packet(ours, bytes(PACKET_MAX_BYTES + 1))

    with pytest.raises(BlockingIOError):
        receive_packet(theirs)


def test_a_packet_that_did_not_fit_is_malformed_and_its_descriptors_are_closed(
    pair: Pair,
) -> None:
    ours, theirs = pair
    file = os.memfd_create("file")
    before = open_descriptors()
    socket.send_fds(ours, [bytes(PACKET_MAX_BYTES + 1)], [file])

    with pytest.raises(MalformedMessageError):
        receive_packet(theirs)

    assert open_descriptors() == before
    os.close(file)


def test_more_descriptors_than_any_message_has_are_malformed(pair: Pair) -> None:
    ours, theirs = pair
    file = os.memfd_create("file")
    before = open_descriptors()
    socket.send_fds(ours, [b"files"], [file] * (DESCRIPTORS_MAX + 5))

    with pytest.raises(MalformedMessageError):
        receive_packet(theirs)

    assert open_descriptors() == before
    os.close(file)


def test_an_empty_packet_ends_the_conversation(pair: Pair) -> None:
    ours, theirs = pair
    ours.send(b"")

    with pytest.raises(PeerGoneError):
        receive_packet(theirs)


def test_a_peer_that_is_gone_is_told_from_one_that_is_silent(pair: Pair) -> None:
    ours, theirs = pair
    with pytest.raises(BlockingIOError):
        receive_packet(theirs)

    ours.close()

    with pytest.raises(PeerGoneError):
        receive_packet(theirs)
    with pytest.raises(PeerGoneError):
        send_packet(theirs, b"anybody?")


def test_the_last_words_of_a_peer_are_heard_although_it_left_ours_unread(pair: Pair) -> None:
    ours, theirs = pair
    send_packet(theirs, b"never read")
    send_packet(ours, b"last words")
    ours.close()

    assert receive_packet(theirs).content == b"last words"
    with pytest.raises(PeerGoneError):
        receive_packet(theirs)


def test_a_peer_that_does_not_read_blocks_nobody(pair: Pair) -> None:
    ours, _ = pair

    def fill() -> None:
        for _ in range(10_000):
            send_packet(ours, bytes(1024))

    with pytest.raises(BlockingIOError):
        fill()


def fill(sender: socket.socket) -> None:
    while True:
        sender.send(bytes(1 << 20))


def drain(reader: socket.socket) -> None:
    while reader.recv(1 << 20):
        pass


def test_a_tcp_socket_that_would_linger_is_closed_at_once_and_its_peer_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = socket.create_connection(listener.getsockname())
        reader, _ = listener.accept()
    sender.settimeout(0)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    with pytest.raises(BlockingIOError):
        fill(sender)

    close_all([sender.detach()])

    with reader, pytest.raises(ConnectionResetError):
        drain(reader)


def test_only_one_end_of_a_pair_is_taken_for_one(pair: Pair) -> None:
    file, (reading, writing) = os.memfd_create("file"), os.pipe()
    stream, other = socket.socketpair()
    with stream, other, socket.socket() as tcp:
        kinds = [is_packet_socket(one) for one in (file, reading, stream.fileno(), tcp.fileno())]

    assert is_packet_socket(pair[0].fileno())
    assert kinds == [False] * 4
    for descriptor in (file, reading, writing):
        os.close(descriptor)
