"""What an executor does with a hand-over, and a database session, by hand."""

import select
import socket
import struct
from typing import Final

from wire.codec import HANDOVER, encode
from wire.lending import Accepted, HandedOver, NotHandedOver
from wire.packets import PeerGoneError, receive_packet, send_packet

PATIENCE_S: Final = 15.0


class Session:
    """A connection that speaks PostgreSQL's protocol after login."""

    def __init__(self, message: HandedOver, descriptor: int) -> None:
        self.message = message
        self.socket = socket.socket(fileno=descriptor)

    def send_query(self, statement: str) -> None:
        """Start one statement by the simple protocol."""
        body = statement.encode() + b"\0"
        self.socket.send(b"Q" + struct.pack("!I", len(body) + 4) + body)

    def answer(self) -> list[tuple[bytes, bytes]]:
        """Return the messages up to ReadyForQuery; none where the server cut the connection."""
        messages: list[tuple[bytes, bytes]] = []
        while not messages or messages[-1][0] != b"Z":
            head = self._exactly(5)
            if not head:
                return []
            (length,) = struct.unpack("!I", head[1:])
            messages.append((head[:1], self._exactly(length - 4)))
        return messages

    def value(self, statement: str) -> bytes:
        """Return the one value that *statement* selects."""
        self.send_query(statement)
        (row,) = [body for kind, body in self.answer() if kind == b"D"]
        return row[6:]

    def sqlstate(self) -> bytes:
        """Return the SQLSTATE of the error that ends what runs."""
        (error,) = [body for kind, body in self.answer() if kind == b"E"]
        (field,) = [part[1:] for part in error.split(b"\0") if part[:1] == b"C"]
        return field

    def has_pending_bytes(self) -> bool:
        """Return whether the server has said something that nobody read."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def close(self) -> None:
        """Close it without a word, as an executor that dies."""
        self.socket.close()

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            assert select.select([self.socket], [], [], PATIENCE_S)[0], "the server says nothing"
            try:
                part = self.socket.recv(size - len(got))
            except ConnectionResetError:
                return b""
            if not part:
                return b""
            got += part
        return got


def take_handover(end: socket.socket, *, accept: bool = True) -> Session | NotHandedOver | None:
    """Return what comes on a hand-over socket; None where it is closed without a word."""
    assert select.select([end], [], [], PATIENCE_S)[0], "no hand-over came"
    try:
        data, descriptors = receive_packet(end)
    except PeerGoneError:
        return None
    message = HANDOVER.decode(data)
    if isinstance(message, NotHandedOver):
        assert descriptors == ()
        return message
    (descriptor,) = descriptors
    if accept:
        send_packet(end, encode(Accepted()))
    return Session(message, descriptor)
