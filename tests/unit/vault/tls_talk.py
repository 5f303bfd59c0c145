"""A carrier that talks to a TLS server of the test's own, which is a thread with one connection."""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.harness.certificates import Certificate
from vault.login.carrier import Carrier
from vault.login.refusals import LoginRefusedError, Stage
from vault.login.steps import Receive, Send, StartTls, Step
from wire.lending import Tls
from wire.names import TlsMode

Serve = Callable[[socket.socket], None]

GREETING: Final = b"hello from inside"
PATIENCE_S: Final = 10.0


@contextmanager
def serving(serve: Serve, host: str = "127.0.0.1") -> Iterator[int]:
    """Run *serve* on the first connection to a port, and give that port."""
    with socket.create_server((host, 0)) as listening:

        def work() -> None:
            connection, _ = listening.accept()
            connection.settimeout(PATIENCE_S)
            with connection:
                try:
                    serve(connection)
                except OSError:
                    # The client may refuse us at any moment; what it says is what is tested.
                    return

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join()


def says_nothing(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_WR)


def by(certificate: Certificate, *, alpn: str | None = None, maximum: str = "TLSv1_3") -> Serve:
    """Return a server that echoes what it hears inside TLS."""
    context = certificate.server_context()
    context.maximum_version = ssl.TLSVersion[maximum]
    if alpn is not None:
        context.set_alpn_protocols([alpn])

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as inside:
            inside.sendall(GREETING)
            while heard := inside.recv(65536):
                inside.sendall(heard)

    return serve


def a_talk(said: bytes, alpn: str | None = None) -> Generator[Step, bytes, tuple[bytes, bytes]]:
    """Return the certificate, and what comes back of *said*."""
    certificate = yield StartTls(alpn)
    assert (yield Receive(len(GREETING))) == GREETING
    yield Send(said)
    return certificate, (yield Receive(len(said)))


def talk(
    port: int,
    tls: Tls | None,
    *,
    host: str = "127.0.0.1",
    said: bytes = b"echo",
    alpn: str | None = None,
    within_s: float = PATIENCE_S,
) -> tuple[bytes, bytes]:
    alive, watched = os.pipe()
    carrier = Carrier(deadline=time.monotonic() + within_s, lifelines=(alive,), tls=tls)
    try:
        carrier.connect(host, port)
        return carrier.drive(a_talk(said, alpn), Stage.AUTHENTICATE)
    finally:
        if carrier.socket is not None:
            carrier.socket.close()
        os.close(watched)
        os.close(alive)


def refused(port: int, tls: Tls, *, host: str = "127.0.0.1") -> LoginRefusedError:
    with pytest.raises(LoginRefusedError) as failure:
        talk(port, tls, host=host)
    return failure.value


def trusting(roots: Path, mode: TlsMode = "verify-full") -> Tls:
    return Tls(mode=mode, roots=str(roots))
