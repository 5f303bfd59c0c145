"""Whole packets with descriptors over a Unix SOCK_SEQPACKET socket; nothing about their content.

A packet arrives whole or not at all. Descriptors that a message does not expect are closed by
`close_all`, so a peer cannot fill the table of another process.
"""

import array
import os
import socket
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from wire.codec import PACKET_MAX_BYTES

DESCRIPTORS_MAX: Final = 8
"""The most that any message carries is three."""


_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(DESCRIPTORS_MAX * array.array("i").itemsize)


class Packet(NamedTuple):
    """One packet as it came; the receiver owns the descriptors."""

    data: bytes
    descriptors: tuple[int, ...]


class PeerGoneError(ConnectionError):
    """The other end of the socket is closed."""


class PacketTooLargeError(ValueError):
    """A packet does not fit, and was not sent."""


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets that keep packets whole."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send_packet(to: socket.socket, data: bytes, descriptors: Sequence[int] = ()) -> None:
    """Send one packet; raise PeerGoneError where nobody is left to read it.

    Raises BlockingIOError on a non-blocking socket whose peer does not read.
    """
    if len(data) > PACKET_MAX_BYTES:
        raise PacketTooLargeError(f"{len(data)} bytes")
    try:
        socket.send_fds(to, [data], descriptors, socket.MSG_NOSIGNAL)
    except (BrokenPipeError, ConnectionResetError):
        raise PeerGoneError from None


def receive_packet(source: socket.socket) -> Packet:
    """Return the next packet; raise PeerGoneError at the end of the conversation.

    Raises BlockingIOError on a non-blocking socket with nothing to read. Descriptors come
    close-on-exec. A packet that did not fit is an error of the peer's and ends the conversation.
    """
    try:
        data, ancillary, flags = _received(source)
    except ConnectionResetError:
        raise PeerGoneError from None
    descriptors = _descriptors_in(ancillary)
    if not data or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        close_all(descriptors)
        raise PeerGoneError
    return Packet(data, descriptors)


def _received(source: socket.socket) -> tuple[bytes, list[tuple[int, int, bytes]], int]:
    try:
        # Not socket.recv_fds: Python 3.11's forgets the flags that it is given.
        return source.recvmsg(PACKET_MAX_BYTES, _ANCILLARY_BYTES, socket.MSG_CMSG_CLOEXEC)[:3]
    except ConnectionResetError:
        # The peer closed with something of ours unread. Linux says so before it gives us the
        # peer's last words, and only once.
        return source.recvmsg(PACKET_MAX_BYTES, _ANCILLARY_BYTES, socket.MSG_CMSG_CLOEXEC)[:3]


def _descriptors_in(ancillary: Iterable[tuple[int, int, bytes]]) -> tuple[int, ...]:
    found = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(content[: len(content) - len(content) % found.itemsize])
    return tuple(found)


def close_all(descriptors: Iterable[int]) -> None:
    """Close descriptors that nobody asked for."""
    for descriptor in descriptors:
        os.close(descriptor)
