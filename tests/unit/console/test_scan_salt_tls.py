"""The salt is asked for on the way that the connection goes: in TLS, or at a Unix socket."""

import base64
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from console.scan.salt_question import ALPN, Login, fetch_salt
from console.scan.scram_salt import SSL_REQUEST, NoSaltError, Salt
from tests.harness.certificates import Certificate, Certificates
from wire.lending import Tls

SALT = Salt(base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)
USER = "someone_in_particular"


class StandIn:
    """A server of our own that answers one question for a salt, and keeps what it heard."""

    def __init__(self, listener: socket.socket, answer_to_request: bytes) -> None:
        self.heard: list[bytes] = []
        self.client: str | None = None
        self._listener = listener
        self._answer = answer_to_request

    def serve(self, context: ssl.SSLContext | None, *, is_direct: bool) -> None:
        """Speak with one caller until it leaves or is refused."""
        link, _ = self._listener.accept()
        try:
            if context is not None:
                if not is_direct:
                    self.heard.append(link.recv(100))
                    link.sendall(self._answer)
                link = self._encrypted(link, context)
            self._tell(link)
        except OSError:
            return  # the caller has left, as some of them should
        finally:
            link.close()

    def _encrypted(self, link: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        encrypted = context.wrap_socket(link, server_side=True)
        if encrypted.getpeercert():
            self.client = str(encrypted.getpeercert())
        return encrypted

    def _tell(self, link: socket.socket) -> None:
        self.heard.append(link.recv(1000))
        link.sendall(a_request(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"))
        first = link.recv(1000)
        nonce = first.rpartition(b"r=")[2]
        salt = base64.b64encode(SALT.content)
        link.sendall(a_request(11, b"r=" + nonce + b"more,s=" + salt + b",i=4096"))


def a_request(kind: int, body: bytes) -> bytes:
    return b"R" + struct.pack(">ii", len(body) + 8, kind) + body


@contextmanager
def a_server(
    listener: socket.socket,
    context: ssl.SSLContext | None,
    *,
    answer: bytes = b"S",
    is_direct: bool = False,
) -> Iterator[StandIn]:
    made = StandIn(listener, answer)
    listener.settimeout(20)
    thread = threading.Thread(target=lambda: made.serve(context, is_direct=is_direct))
    with listener:
        thread.start()
        try:
            yield made
        finally:
            thread.join()


def on_tcp() -> tuple[socket.socket, int]:
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]


def a_login(port: int, tls: Tls | None, *, host: str = "127.0.0.1") -> Login:
    return Login(host=host, port=port, database="d", user=USER, tls=tls)


Picked = Callable[[Certificates], Certificate]


@pytest.mark.parametrize(
    ("mode", "picked"),
    [
        ("verify-full", lambda made: made.rsa),
        ("verify-full", lambda made: made.ed25519),
        ("verify-ca", lambda made: made.wrong_host),
        ("require", lambda made: made.wrong_authority),
    ],
    ids=["good", "ed25519", "another's name, where names do not count", "nothing is verified"],
)
def test_a_server_that_the_connection_accepts_tells_the_salt_in_tls(
    certificates: Certificates, mode: str, picked: Picked
) -> None:
    tls = a_tls(mode, certificates)
    listener, port = on_tcp()
    with a_server(listener, picked(certificates).server_context()) as server:
        found = fetch_salt(a_login(port, tls))

    assert found == SALT
    assert server.heard[0] == SSL_REQUEST
    assert USER.encode() in server.heard[1]


@pytest.mark.parametrize(
    ("mode", "picked", "reason"),
    [
        ("verify-full", lambda made: made.wrong_host, "IP address mismatch"),
        ("verify-full", lambda made: made.wrong_authority, "unable to get local issuer"),
        ("verify-full", lambda made: made.expired, "expired"),
        ("verify-ca", lambda made: made.wrong_authority, "unable to get local issuer"),
    ],
    ids=["another's name", "unknown authority", "expired", "unknown authority without name"],
)
def test_a_server_that_the_connection_would_refuse_is_not_even_told_the_user(
    certificates: Certificates, mode: str, picked: Picked, reason: str
) -> None:
    listener, port = on_tcp()
    with (
        a_server(listener, picked(certificates).server_context()) as server,
        pytest.raises(NoSaltError, match=f"certificate: .*{reason}"),
    ):
        fetch_salt(a_login(port, a_tls(mode, certificates)))

    assert server.heard == [SSL_REQUEST]


@pytest.mark.parametrize("answer", [b"N", b"E"], ids=["no", "an error"])
def test_a_server_without_tls_is_left_before_it_hears_more(
    certificates: Certificates, answer: bytes
) -> None:
    listener, port = on_tcp()
    with (
        a_server(listener, certificates.rsa.server_context(), answer=answer) as server,
        pytest.raises(NoSaltError, match="does not speak TLS"),
    ):
        fetch_salt(a_login(port, a_tls("verify-full", certificates)))

    assert server.heard == [SSL_REQUEST]


def test_bytes_that_come_before_tls_are_taken_for_none_of_the_servers(
    certificates: Certificates,
) -> None:
    listener, port = on_tcp()
    stuffed = b"S" + a_request(10, b"SCRAM-SHA-256\0\0")
    with (
        a_server(listener, certificates.rsa.server_context(), answer=stuffed),
        pytest.raises(NoSaltError, match="do not agree on TLS"),
    ):
        fetch_salt(a_login(port, a_tls("verify-full", certificates)))


def test_direct_tls_begins_without_a_request_and_names_the_protocol(
    certificates: Certificates,
) -> None:
    context = certificates.rsa.server_context()
    context.set_alpn_protocols([ALPN])
    listener, port = on_tcp()
    with a_server(listener, context, is_direct=True) as server:
        tls = a_tls("verify-full", certificates, is_direct=True)

        assert fetch_salt(a_login(port, tls)) == SALT

    assert SSL_REQUEST not in server.heard


def test_a_server_that_asks_for_a_clients_certificate_gets_it(certificates: Certificates) -> None:
    context = certificates.rsa.server_context()
    context.load_verify_locations(certificates.roots)
    context.verify_mode = ssl.CERT_REQUIRED
    own = certificates.client(USER)
    tls = Tls(
        mode="verify-full",
        roots=str(certificates.roots),
        certificate=str(own.chain),
        key=str(own.key),
    )
    listener, port = on_tcp()
    with a_server(listener, context) as server:
        assert fetch_salt(a_login(port, tls)) == SALT

    assert server.client is not None
    assert USER in server.client


@pytest.mark.parametrize("content", [None, b"no certificate"], ids=["missing", "nonsense"])
def test_files_that_cannot_be_used_give_a_reason(tmp_path: Path, content: bytes | None) -> None:
    roots = tmp_path / "roots.pem"
    if content is not None:
        roots.write_bytes(content)

    with pytest.raises(NoSaltError, match="cannot be loaded"):
        fetch_salt(a_login(1, Tls(mode="verify-full", roots=str(roots))))


def test_a_server_at_a_unix_socket_is_asked_there(short_dir: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(short_dir / ".s.PGSQL.5433"))
    listener.listen()
    with a_server(listener, None):
        assert fetch_salt(a_login(5433, None, host=str(short_dir))) == SALT


def test_a_unix_socket_that_is_not_there_gives_a_reason(short_dir: Path) -> None:
    with pytest.raises(NoSaltError, match="No such file"):
        fetch_salt(a_login(5433, None, host=str(short_dir)))


def a_tls(mode: str, certificates: Certificates, *, is_direct: bool = False) -> Tls:
    return msgspec.convert(
        {"mode": mode, "roots": str(certificates.roots), "is_direct": is_direct}, Tls
    )
