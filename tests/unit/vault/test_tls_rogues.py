"""Servers that want, say or do what they should not while TLS begins."""

import socket
import ssl
import threading

import pytest

from tests.harness.certificates import Certificates
from tests.unit.vault.tls_talk import (
    PATIENCE_S,
    by,
    refused,
    says_nothing,
    serving,
    talk,
    trusting,
)
from vault.login.refusals import LoginRefusedError, Stage
from vault.login.tls import TlsChannel


@pytest.mark.parametrize("maximum", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_wants_a_client_certificate_says_so_without_its_words(
    certificates: Certificates, maximum: ssl.TLSVersion
) -> None:
    context = certificates.ecdsa.server_context()
    context.maximum_version = maximum
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.roots)

    def serve(connection: socket.socket) -> None:
        context.wrap_socket(connection, server_side=True)

    with serving(serve) as port:
        failure = refused(port, trusting(certificates.roots))

    assert failure.stage is Stage.ENCRYPT
    assert "client certificate" in failure.sentence


def test_the_protocol_is_agreed_on_where_tls_comes_at_once(certificates: Certificates) -> None:
    with serving(by(certificates.rsa, alpn="postgresql")) as port:
        _, echo = talk(port, trusting(certificates.roots), alpn="postgresql")
    with (
        serving(by(certificates.rsa)) as port,
        pytest.raises(LoginRefusedError) as failure,
    ):
        talk(port, trusting(certificates.roots), alpn="postgresql")

    assert echo == b"echo"
    assert "directly" in failure.value.sentence
    assert "needs PostgreSQL 17" in failure.value.sentence


@pytest.mark.parametrize(
    "stuffed",
    [
        b"E\0\0\0\x20SFATAL\0Msome text of the server\0\0",
        b"R\0\0\0\x08\0\0\0\0" * 20,
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x16\x03\x03\x40\x01" + b"x" * 100,
        b"\x15\x03\x03\0\x02\x02\x28",
        bytes(range(64)),
    ],
)
def test_bytes_before_tls_are_no_beginning_of_it(
    certificates: Certificates, stuffed: bytes
) -> None:
    honest = by(certificates.rsa)

    def serve(connection: socket.socket) -> None:
        connection.sendall(stuffed)
        honest(connection)

    with serving(serve) as port:
        failure = refused(port, trusting(certificates.roots))

    assert failure.stage is Stage.ENCRYPT
    assert "some text" not in failure.sentence


def test_a_server_that_closes_instead_is_told_from_one_that_refuses(
    certificates: Certificates,
) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)

    with serving(serve) as port:
        failure = refused(port, trusting(certificates.roots))

    assert "closed the connection" in failure.sentence


def test_a_server_that_is_silent_in_the_handshake_is_given_up_at_the_deadline(
    certificates: Certificates,
) -> None:
    is_over = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(1)
        is_over.wait(PATIENCE_S)

    with serving(serve) as port:
        with pytest.raises(LoginRefusedError) as failure:
            talk(port, trusting(certificates.roots), within_s=0.3)
        is_over.set()

    assert failure.value.stage is Stage.ENCRYPT
    assert "time allowed" in failure.value.sentence


def test_a_server_that_speaks_tls_1_1_only_is_refused(certificates: Certificates) -> None:
    context = certificates.rsa.server_context()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    def serve(connection: socket.socket) -> None:
        context.wrap_socket(connection, server_side=True)

    with serving(serve) as port:
        failure = refused(port, trusting(certificates.roots))

    assert failure.stage is Stage.ENCRYPT


@pytest.mark.parametrize("host", ["a..b", ".b", "x" * 64 + ".test", "/a/socket"])
def test_a_host_that_no_certificate_can_have_is_refused(
    certificates: Certificates, host: str
) -> None:
    with pytest.raises(LoginRefusedError) as failure:
        TlsChannel(trusting(certificates.roots), host)

    assert failure.value.stage is Stage.ENCRYPT


def test_a_connection_of_which_nobody_said_how_to_encrypt_it_is_not_begun() -> None:
    with serving(says_nothing) as port, pytest.raises(LoginRefusedError) as failure:
        talk(port, None)

    assert failure.value.stage is Stage.ENCRYPT
