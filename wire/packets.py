"""Whole packets with descriptors over a Unix SOCK_SEQPACKET socket; nothing about their content.

A packet arrives whole or not at all. Descriptors that a message does not expect are closed by
`close_all`, so a peer cannot fill the table of another process.
"""

import array
import contextlib
import errno
import os
import socket
import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from wire.codec import PACKET_MAX_BYTES, MalformedMessageError

DESCRIPTORS_MAX: Final = 8
"""The most that any message carries is three."""

_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(DESCRIPTORS_MAX * array.array("i").itemsize)
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class Packet(NamedTuple):
    """One packet as it came; the receiver owns the descriptors."""

    content: bytes
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
    except OSError as error:
        if error.errno == errno.ETOOMANYREFS:
            # Somebody of our user has more descriptors on their way than the kernel allows.
            raise BlockingIOError(errno.EAGAIN, "too many descriptors in flight") from None
        raise


def receive_packet(source: socket.socket) -> Packet:
    """Return the next packet; raise PeerGoneError at the end of the conversation.

    Raises BlockingIOError on a non-blocking socket with nothing to read. Descriptors come
    close-on-exec. Raises MalformedMessageError for a packet that did not fit, or whose descriptors
    did not fit our table: what is left of it means nothing, and the next one is whole again.
    """
    try:
        data, ancillary, flags = _received(source)
    except ConnectionResetError:
        raise PeerGoneError from None
    descriptors = _descriptors_in(ancillary)
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        close_all(descriptors)
        raise MalformedMessageError(len(data))
    if not data:
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
    """Close descriptors that nobody asked for, and wait for none of them.

    Whoever sent one chose it: closing a TCP socket with SO_LINGER set and data unsent would sleep.
    """
    for descriptor in descriptors:
        try:
            link = socket.socket(fileno=descriptor)
        except OSError:
            os.close(descriptor)
            continue
        with link, contextlib.suppress(OSError):
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)


def is_packet_socket(descriptor: int) -> bool:
    """Return whether *descriptor* is one end of a pair like ours."""
    try:
        link = socket.socket(fileno=descriptor)
    except OSError:
        return False
    kind = (link.family, link.type)
    link.detach()
    return kind == (socket.AF_UNIX, socket.SOCK_SEQPACKET)
