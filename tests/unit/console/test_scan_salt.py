"""The salt of a role's SCRAM keys, asked of a real server and of hostile ones."""

import base64
import hashlib
import secrets
import socket
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.scan.derivatives import of_postgresql
from console.scan.salt_question import Login, fetch_salt
from console.scan.scram_salt import MAX_ITERATIONS, NoSaltError, Salt, SaltExchange
from tests.harness.databases import Databases
from tests.harness.postgres import PostgresServer

NONCE = "rOprNGfwEbeRWgbNEkqO"
OFFER = struct.pack(">i", 10) + b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"


def a_frame(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">i", len(body) + 4) + body


def a_challenge(message: bytes) -> bytes:
    return a_frame(b"R", struct.pack(">i", 11) + message)


def an_exchange() -> SaltExchange:
    return SaltExchange("app", "mydb", nonce=NONCE)


@pytest.fixture
def databases(postgres: PostgresServer) -> Databases:
    return Databases(postgres)


def login(databases: Databases, name: str, *, user: str | None = None) -> Login:
    server = databases.server
    role = user or databases.role(name)
    return Login(host=server.host, port=server.port, database="postgres", user=role)


@pytest.mark.parametrize(
    "password", ["short", "p:@/%'\" \\é", "\u00a0two\u00adﬁ\u00a0words", "x" * 1024], ids=ascii
)
def test_the_keys_are_those_that_the_server_stores(databases: Databases, password: str) -> None:
    databases.add("salted", password=password)
    row = "select rolpassword from pg_authid where rolname = "
    stored = str(databases.server.admin_sql(f"{row}'{databases.role('salted')}'")[0][0])
    _, parameters, keys = stored.split("$")
    iterations, salt = parameters.split(":")

    found = fetch_salt(login(databases, "salted"))
    made = of_postgresql(password.encode(), databases.role("salted"), found)

    assert found == Salt(base64.b64decode(salt), int(iterations))
    contents = {content for _, content in made}
    assert {base64.b64decode(key) for key in keys.split(":")} <= contents


def test_the_server_sees_no_password_and_counts_no_failed_login(databases: Databases) -> None:
    databases.add("salted")
    before = databases.server.log.read_text()

    fetch_salt(login(databases, "salted"))

    after = databases.server.log.read_text()[len(before) :]
    assert "password authentication failed" not in after


def test_a_user_that_the_server_does_not_have_gets_a_salt_that_is_made_up(
    databases: Databases,
) -> None:
    assert fetch_salt(login(databases, "nobody", user="nobody_here")).iterations > 0


def test_the_md5_hash_is_the_one_that_a_server_stores() -> None:
    known = dict(of_postgresql(b"secret", "app", None))

    assert known == {"MD5": hashlib.md5(b"secretapp", usedforsecurity=False).digest()}


def test_a_server_that_is_not_there_gives_a_reason() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    with pytest.raises(NoSaltError, match="Connection refused"):
        fetch_salt(Login(host="127.0.0.1", port=port, database="d", user="u"))


def hang_up(listener: socket.socket) -> None:
    caller, _ = listener.accept()
    caller.close()


def test_a_server_that_hangs_up_gives_a_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = threading.Thread(target=hang_up, args=(listener,))
        served.start()
        try:
            with pytest.raises(NoSaltError, match=r"closed the connection|reset by peer"):
                fetch_salt(
                    Login(host="127.0.0.1", port=listener.getsockname()[1], database="d", user="u")
                )
        finally:
            served.join()


def test_bytes_may_come_one_by_one() -> None:
    exchange = an_exchange()
    notices = a_frame(b"N", b"hello") + a_frame(b"v", struct.pack(">ii", 0, 0))
    first = notices + a_frame(b"R", OFFER)
    second = a_challenge(f"r={NONCE}server,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode())

    said = [exchange.feed(bytes([byte])) for byte in first + second]

    first_message = f"n,,n=,r={NONCE}".encode()
    message = b"SCRAM-SHA-256\0" + struct.pack(">i", len(first_message)) + first_message
    assert b"".join(said) == a_frame(b"p", message)
    assert exchange.salt == Salt(base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([a_frame(b"E", b"SFATAL\0C28000\0Msecret words\0\0")], "SQLSTATE 28000"),
        ([a_frame(b"E", b"nonsense")], r"SQLSTATE \?"),
        ([a_frame(b"R", struct.pack(">i", 0))], "does not ask this user for SCRAM"),
        ([a_frame(b"R", struct.pack(">i", 5) + b"salt")], "does not ask this user for SCRAM"),
        ([a_frame(b"R", struct.pack(">i", 10) + b"OTHER\0\0")], "does not ask"),
        ([a_challenge(b"r=x,s=AAAA,i=1")], "does not ask"),
        ([a_frame(b"R", OFFER), a_frame(b"R", OFFER)], "does not ask"),
        ([a_frame(b"R", OFFER), a_challenge(b"r=other,s=AAAA,i=4096")], "malformed"),
        ([a_frame(b"R", OFFER), a_challenge(f"r={NONCE}x,s=A,i=1".encode())], "salt is malformed"),
        ([a_frame(b"R", OFFER), a_challenge(f"r={NONCE}x,s=AAAA,i=0".encode())], "malformed"),
        (
            [
                a_frame(b"R", OFFER),
                a_challenge(f"r={NONCE}x,s=AAAA,i={MAX_ITERATIONS + 1}".encode()),
            ],
            "iterations",
        ),
        ([b"HTTP/1.1 400 Bad Request\r\n"], "does not speak"),
        ([b"R" + struct.pack(">i", 3)], "does not speak"),
        ([a_frame(b"Z", b"I")], "does not speak"),
    ],
)
def test_a_server_that_goes_astray_gets_no_more_and_its_words_are_not_told(
    frames: list[bytes], reason: str
) -> None:
    exchange = an_exchange()

    for frame in frames[:-1]:
        exchange.feed(frame)
    with pytest.raises(NoSaltError, match=reason) as caught:
        exchange.feed(frames[-1])

    assert "secret words" not in str(caught.value)
    assert exchange.salt is None


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_are_refused_or_waited_on(pieces: list[bytes]) -> None:
    exchange = an_exchange()
    exchange.feed(a_frame(b"R", OFFER))
    try:
        for piece in pieces:
            exchange.feed(piece)
    except NoSaltError:
        pass

    assert exchange.salt is None


def test_a_nonce_is_the_servers_to_extend_and_not_to_replace() -> None:
    exchange = SaltExchange("app", "mydb", nonce=secrets.token_urlsafe(18))
    exchange.feed(a_frame(b"R", OFFER))

    with pytest.raises(NoSaltError, match="malformed"):
        exchange.feed(a_challenge(f"r={NONCE},s=AAAA,i=4096".encode()))
