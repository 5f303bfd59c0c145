"""A listener between a login and a real server, which keeps every byte that passes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_CHUNK_BYTES: Final = 65_536


class Recording:
    """What clients and server have said through one port, all connections together."""

    def __init__(self, listening: socket.socket, server: tuple[str, int]) -> None:
        self.port: Final = int(listening.getsockname()[1])
        self.from_clients = bytearray()
        self.from_server = bytearray()
        self._listening = listening
        self._server = server
        self._ends: list[socket.socket] = []

    def serve(self) -> None:
        """Carry until the listener is closed."""
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            self._ends += [client, server]
            for source, sink, kept in (
                (client, server, self.from_clients),
                (server, client, self.from_server),
            ):
                threading.Thread(target=_carry, args=(source, sink, kept), daemon=True).start()

    def close(self) -> None:
        """End every connection."""
        # Closing alone would leave a thread in accept.
        self._listening.shutdown(socket.SHUT_RDWR)
        for end in self._ends:
            end.close()


@contextmanager
def recorded(host: str, port: int) -> Iterator[Recording]:
    """Listen on a port of our own for a server, until the block ends."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with recorded_at(bound, host, port) as recording:
            yield recording


@contextmanager
def recorded_at(bound: socket.socket, host: str, port: int) -> Iterator[Recording]:
    """Begin to listen for a server on a port where nobody did."""
    bound.listen()
    recording = Recording(bound, (host, port))
    thread = threading.Thread(target=recording.serve, daemon=True)
    thread.start()
    try:
        yield recording
    finally:
        recording.close()
        thread.join()


def _carry(source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
    try:
        while part := source.recv(_CHUNK_BYTES):
            # Kept first: whoever has got an answer can see what was asked.
            kept += part
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # One of the two has gone, and the other is told so.
        sink.close()
