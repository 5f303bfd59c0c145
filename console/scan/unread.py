"""Read what waits in a pipe or a socket, and leave it there."""

import contextlib
import errno
import fcntl
import os
import socket
import struct
import termios
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console.scan.kernel import tee

# socket(7): where the next peek begins, so that message after message can be looked at.
SO_PEEK_OFF: Final = 42
PEEK_BYTES: Final = 1 << 20
MAX_MESSAGES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Unread:
    """What waits, in pieces that belong together; *more* if that was not all."""

    pieces: tuple[bytes, ...]
    more: bool


def unread_in_pipe(path: Path) -> Unread:
    """Return what waits in a pipe, given the path of either end; raises OSError."""
    # Opened anew, for reading: so the writing end will do, and nobody else's flags change.
    source = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        waiting = _waiting_bytes(source)
        if not waiting:
            return Unread((), more=False)
        copied = _copied(source, waiting)
        return Unread((copied,), more=_waiting_bytes(source) > len(copied))
    finally:
        os.close(source)


def _copied(source: int, count: int) -> bytes:
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, fcntl.fcntl(source, fcntl.F_GETPIPE_SZ))
        return os.read(reader, tee(source, writer, count)) if count else b""
    except BlockingIOError:
        return b""  # read meanwhile
    finally:
        os.close(reader)
        os.close(writer)


def unread_in_socket(descriptor: int) -> Unread:
    """Return what waits in a socket, and close *descriptor*; raises OSError."""
    with socket.socket(fileno=descriptor) as peeked:
        try:
            waiting = _waiting_bytes(descriptor)
        except OSError as error:
            # EINVAL: it listens. ENOTTY: netlink, where only the kernel speaks.
            if error.errno in {errno.EINVAL, errno.ENOTTY}:
                return Unread((), more=False)
            raise
        if not waiting:
            return Unread((), more=False)
        if peeked.family == socket.AF_UNIX or peeked.type == socket.SOCK_DGRAM:
            return _peeked_in_steps(peeked)
        piece = _peek(peeked, waiting)
        return Unread((piece,), more=_waiting_bytes(descriptor) > len(piece))


def _peeked_in_steps(peeked: socket.socket) -> Unread:
    # One peek ends with a message, and in a stream where descriptors or credentials ride along.
    before = peeked.getsockopt(socket.SOL_SOCKET, SO_PEEK_OFF)
    peeked.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, 0)
    pieces: list[bytes] = []
    try:
        while len(pieces) < MAX_MESSAGES:
            piece = _peek(peeked, PEEK_BYTES)
            if not piece:
                break
            pieces.append(piece)
    finally:
        peeked.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, before)
    if peeked.type == socket.SOCK_STREAM:
        pieces = [b"".join(pieces)]
    return Unread(tuple(pieces), more=len(pieces) == MAX_MESSAGES)


def _peek(peeked: socket.socket, count: int) -> bytes:
    with contextlib.suppress(BlockingIOError):
        return peeked.recv(count, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return b""


def _waiting_bytes(descriptor: int) -> int:
    count: int = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))[0]
    return count
