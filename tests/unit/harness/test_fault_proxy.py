"""The fault proxy: what passes, and what it does to that."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.harness.fault_proxy import FaultProxy, Faults
from tests.harness.waiting import until

TRIES = 500


class Echo:
    """A server that sends back what it hears, and remembers the pieces."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.was_reset = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    while piece := connection.recv(1000):
                        self.pieces.append(piece)
                        connection.sendall(piece)
                except OSError:
                    self.was_reset.set()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


def dial(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection((proxy.host, proxy.port), timeout=5)


def heard(connection: socket.socket, size_bytes: int) -> bytes:
    got = b""
    while len(got) < size_bytes and (part := connection.recv(size_bytes - len(got))):
        got += part
    return got


def read_to_end(connection: socket.socket) -> None:
    while connection.recv(10):
        pass


def test_without_faults_all_bytes_pass_and_ends_are_passed_on(echo: Echo) -> None:
    words = bytes(range(256)) * 4000

    with FaultProxy(echo.port) as proxy, dial(proxy) as client:
        sender = threading.Thread(target=client.sendall, args=(words,))
        sender.start()
        came = heard(client, len(words))
        sender.join()
        client.shutdown(socket.SHUT_WR)
        end = client.recv(1)

    assert came == words
    assert end == b""
    assert proxy.passed_bytes == (len(words), len(words))


def test_bytes_pass_one_at_a_time_where_that_is_asked_for(echo: Echo) -> None:
    with FaultProxy(echo.port, faults=Faults(piece_bytes=1)) as proxy, dial(proxy) as client:
        # TCP may put two together again, but not each time.
        for times in range(1, TRIES + 1):
            client.sendall(b"ab")
            assert heard(client, 2) == b"ab"
            if len(echo.pieces) > times:
                break

    assert b"".join(echo.pieces) == b"ab" * times
    assert len(echo.pieces) > times


def test_a_connection_is_reset_at_both_ends_after_so_many_bytes_up(echo: Echo) -> None:
    with FaultProxy(echo.port, faults=Faults(cut_after_up_bytes=3)) as proxy, dial(proxy) as client:
        client.sendall(b"abcdef")
        with pytest.raises(ConnectionResetError):
            read_to_end(client)
        assert echo.was_reset.wait(5)

    assert b"".join(echo.pieces) in (b"abc", b"")


def test_a_client_gets_so_many_bytes_and_no_more(echo: Echo) -> None:
    faults = Faults(cut_after_down_bytes=3)

    with FaultProxy(echo.port, faults=faults) as proxy, dial(proxy) as client:
        client.sendall(b"abcdef")
        until(lambda: proxy.passed_bytes[1])
        with pytest.raises(ConnectionResetError):
            read_to_end(client)

    assert proxy.passed_bytes[1] == 3


def test_what_is_stalled_waits_and_passes_when_it_may(echo: Echo) -> None:
    with FaultProxy(echo.port) as proxy, dial(proxy) as client:
        proxy.stall()
        client.sendall(b"later")
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(10)
        passed_before = proxy.passed_bytes
        proxy.resume()
        client.settimeout(5)
        came = heard(client, 5)

    assert passed_before == (0, 0)
    assert came == b"later"


def test_a_cut_resets_what_is_open_and_not_what_comes_after(echo: Echo) -> None:
    with FaultProxy(echo.port) as proxy, dial(proxy) as first:
        first.sendall(b"one")
        assert heard(first, 3) == b"one"

        proxy.cut()

        with pytest.raises(ConnectionResetError):
            first.recv(1)
        with dial(proxy) as second:
            second.sendall(b"two")
            assert heard(second, 3) == b"two"


def test_no_thread_is_left_behind(echo: Echo) -> None:
    before = threading.active_count()

    with FaultProxy(echo.port) as proxy, dial(proxy) as client:
        client.sendall(b"x")
        assert heard(client, 1) == b"x"
        assert threading.active_count() > before

    assert threading.active_count() == before
