"""The relay alone: a thread between a socket pair and a TLS server, which is another thread."""

import os
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from tests.harness.certificates import Certificates
from tests.unit.vault.tls_talk import PATIENCE_S, Serve, serving, trusting
from vault.login.relay import Relay
from vault.login.tls import TlsChannel

LARGE_BYTES = 8 << 20
TOO_MUCH_BYTES = 64 << 20
STALLED_S = 0.5


@dataclass
class Bench:
    """An executor's end, the relay behind it, and the death pipe's writing end."""

    executor: socket.socket
    relay: Relay
    thread: threading.Thread
    alive: int

    def lose_supervisor(self) -> None:
        os.close(self.alive)
        self.alive = -1

    def has_ended(self) -> bool:
        self.thread.join(PATIENCE_S)
        return not self.thread.is_alive()


@contextmanager
def relaying(certificates: Certificates, serve: Serve, *, starts: bool = True) -> Iterator[Bench]:
    with ExitStack() as stack:
        port = stack.enter_context(serving(serve))
        server = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        channel = TlsChannel(trusting(certificates.roots), "127.0.0.1")
        while not channel.handshake():
            server.sendall(channel.outgoing.read())
            channel.incoming.write(server.recv(65536))
        server.sendall(channel.outgoing.read())
        executor, ours = socket.socketpair()
        stack.enter_context(executor)
        executor.settimeout(PATIENCE_S)
        watched, alive = os.pipe()
        relay = Relay(server=server, channel=channel, executor=ours, death_pipe=watched)

        def work() -> None:
            relay.run()
            # As a process that exits.
            ours.close()
            server.close()

        bench = Bench(executor, relay, threading.Thread(target=work), alive)
        if starts:
            bench.thread.start()
        try:
            yield bench
        finally:
            executor.close()
            if bench.alive >= 0:
                os.close(bench.alive)
            if starts:
                assert bench.has_ended()
            ours.close()
            os.close(watched)


def inside(certificates: Certificates, connection: socket.socket) -> ssl.SSLSocket:
    """Return the server's side of TLS, to which an end without a close_notify is an error."""
    context = certificates.rsa.server_context()
    return context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False)


def exactly(source: socket.socket, size: int) -> bytes:
    got = bytearray()
    while len(got) < size and (part := source.recv(size - len(got))):
        got += part
    return bytes(got)


def read_all(source: socket.socket) -> bytes:
    return b"".join(iter(lambda: source.recv(1 << 20), b""))


def echoing(certificates: Certificates) -> Serve:
    def serve(connection: socket.socket) -> None:
        with inside(certificates, connection) as server:
            while heard := server.recv(65536):
                server.sendall(heard)

    return serve


@pytest.mark.parametrize("size", [1, 16_384, 16_385, 300_000])
def test_what_goes_in_comes_back(certificates: Certificates, size: int) -> None:
    said = os.urandom(size)

    with relaying(certificates, echoing(certificates)) as bench:
        for _ in range(3):
            bench.executor.sendall(said)
            assert exactly(bench.executor, size) == said


def test_both_ways_at_once_lose_nothing(certificates: Certificates) -> None:
    said = os.urandom(LARGE_BYTES)

    with relaying(certificates, echoing(certificates)) as bench:
        speaking = threading.Thread(target=bench.executor.sendall, args=(said,))
        speaking.start()
        heard = bytearray()
        while len(heard) < LARGE_BYTES:
            heard += bench.executor.recv(30_000)
        speaking.join()

    assert heard == said


def test_one_byte_at_a_time_is_as_good_as_all_at_once(certificates: Certificates) -> None:
    said = os.urandom(500)

    def serve(connection: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = certificates.rsa.server_context().wrap_bio(incoming, outgoing, server_side=True)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        is_over = False
        while not is_over:
            try:
                server.do_handshake()
                server.write(said)
                is_over = True
            except ssl.SSLWantReadError:
                pass
            for byte in outgoing.read():
                connection.send(bytes([byte]))
            if not is_over:
                incoming.write(connection.recv(65536))
        connection.recv(1)

    with relaying(certificates, serve) as bench:
        assert exactly(bench.executor, 500) == said


def test_what_the_server_has_said_before_is_there_without_waiting(
    certificates: Certificates,
) -> None:
    has_spoken = threading.Event()

    def serve(connection: socket.socket) -> None:
        with inside(certificates, connection) as server:
            server.sendall(b"too early")
            has_spoken.set()
            server.recv(1)

    with relaying(certificates, serve, starts=False) as bench:
        assert has_spoken.wait(PATIENCE_S)
        channel, server = bench.relay._channel, bench.relay._server
        server.settimeout(PATIENCE_S)
        while not select.select([bench.executor], [], [], 0)[0]:
            channel.incoming.write(server.recv(65536))
            bench.relay.pass_on()

        assert bench.executor.recv(100) == b"too early"


def test_an_executor_that_does_not_read_stops_the_server(certificates: Certificates) -> None:
    outcomes = list[str]()

    def serve(connection: socket.socket) -> None:
        with inside(certificates, connection) as server:
            server.settimeout(STALLED_S)
            try:
                server.sendall(bytes(TOO_MUCH_BYTES))
            except TimeoutError:
                outcomes.append("stalled")

    with relaying(certificates, serve) as bench:
        bench.executor.recv(1)
        for thread in threading.enumerate():
            if thread not in {threading.current_thread(), bench.thread}:
                thread.join(PATIENCE_S)

        assert len(bench.relay._to_executor) <= len(bench.relay._answers)

    assert outcomes == ["stalled"]


def test_a_server_that_does_not_read_stops_the_executor(certificates: Certificates) -> None:
    may_end = threading.Event()

    def serve(connection: socket.socket) -> None:
        with inside(certificates, connection):
            may_end.wait(PATIENCE_S)

    with relaying(certificates, serve) as bench:
        bench.executor.settimeout(STALLED_S)
        with pytest.raises(TimeoutError):
            bench.executor.sendall(bytes(TOO_MUCH_BYTES))

        # Its death is not noticed by the server alone: what nobody reads is not waited for.
        may_end.set()


def test_a_server_that_ends_is_heard_to_the_end(certificates: Certificates) -> None:
    said = os.urandom(1 << 20)

    def serve(connection: socket.socket) -> None:
        with inside(certificates, connection) as server:
            server.sendall(said)
            server.unwrap()

    with relaying(certificates, serve) as bench:
        assert read_all(bench.executor) == said


def test_a_server_that_is_cut_off_is_the_end_for_the_executor(certificates: Certificates) -> None:
    def serve(connection: socket.socket) -> None:
        with inside(certificates, connection) as server:
            server.sendall(b"last words")
            server.recv(4)

    with relaying(certificates, serve) as bench:
        assert exactly(bench.executor, 10) == b"last words"
        bench.executor.sendall(b"more")

        assert read_all(bench.executor) == b""


def test_bytes_that_are_no_tls_end_the_connection(certificates: Certificates) -> None:
    def serve(connection: socket.socket) -> None:
        server = inside(certificates, connection)
        server.sendall(b"good")
        plain = socket.socket(fileno=os.dup(server.fileno()))
        with server, plain:
            plain.sendall(b"\x17\x03\x03\0\x20" + os.urandom(32))
            plain.recv(1)

    with relaying(certificates, serve) as bench:
        assert read_all(bench.executor) == b"good"


def test_the_last_words_of_an_executor_come_before_the_end_of_tls(
    certificates: Certificates,
) -> None:
    said, heard = os.urandom(1 << 20), list[bytes]()

    def serve(connection: socket.socket) -> None:
        with inside(certificates, connection) as server:
            server.sendall(b"ready")
            heard.append(read_all(server))

    with relaying(certificates, serve) as bench:
        assert exactly(bench.executor, 5) == b"ready"  # and has said all that TLS says of itself
        bench.executor.sendall(said)
        bench.executor.close()

        assert bench.has_ended()

    assert heard == [said]


def test_an_executor_that_goes_with_something_unread_ends_the_connection(
    certificates: Certificates,
) -> None:
    heard = list[bytes]()

    def serve(connection: socket.socket) -> None:
        with inside(certificates, connection) as server:
            server.sendall(bytes(100_000))
            heard.append(read_all(server))

    with relaying(certificates, serve) as bench:
        exactly(bench.executor, 99_999)
        bench.executor.sendall(b"bye")
        bench.executor.close()

        assert bench.has_ended()

    assert heard == [b"bye"]


def test_a_relay_ends_with_the_supervisor(certificates: Certificates) -> None:
    with relaying(certificates, echoing(certificates)) as bench:
        bench.executor.sendall(b"echo")
        exactly(bench.executor, 4)

        bench.lose_supervisor()

        assert bench.has_ended()
        assert read_all(bench.executor) == b""
