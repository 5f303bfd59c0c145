import hashlib

import pytest

from broker.identity import Door, Refusal
from wire.names import ANYONE, LOCAL_TOKEN

TOKEN = "tö:@/%' \"\\ken"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()


def a_door(
    *, token_sha256: str | None = DIGEST, hosts: tuple[str, ...] = ("127.0.0.1",), port: int = 8765
) -> Door:
    return Door(token_sha256=token_sha256, listen_hosts=hosts, port=port)


def headers(**fields: str) -> dict[bytes, bytes]:
    return {b"host": b"127.0.0.1:8765"} | {
        name.encode(): value.encode() for name, value in fields.items()
    }


def status_of(door: Door, given: dict[bytes, bytes]) -> int:
    refusal = door.admit(given)
    assert isinstance(refusal, Refusal)
    return refusal.status


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_the_right_token_is_the_local_principal(scheme: str) -> None:
    assert a_door().admit(headers(authorization=scheme + TOKEN)) == LOCAL_TOKEN


@pytest.mark.parametrize(
    "authorization",
    ["", TOKEN, "Basic " + TOKEN, "Bearer", "Bearer ", f"Bearer {DIGEST}", "Bearer x"],
)
def test_any_other_authorization_is_refused_with_a_challenge(authorization: str) -> None:
    refusal = a_door().admit(headers(authorization=authorization))

    assert isinstance(refusal, Refusal)
    assert refusal.status == 401
    assert refusal.headers[0][0] == b"www-authenticate"


def test_without_a_token_to_check_everybody_is_anyone() -> None:
    assert a_door(token_sha256=None).admit(headers()) == ANYONE


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST:8765", "[::1]:8765"]
)
def test_a_loopback_name_with_the_port_is_this_server(host: str) -> None:
    assert a_door(token_sha256=None).admit({b"host": host.encode()}) == ANYONE


@pytest.mark.parametrize(
    "host", ["", "localhost", "localhost:80", "127.0.0.1.evil.example:8765", "evil.example:8765"]
)
def test_any_other_host_is_misdirected(host: str) -> None:
    assert status_of(a_door(token_sha256=None), {b"host": host.encode()}) == 421


def test_on_the_port_of_http_the_host_needs_none() -> None:
    assert a_door(token_sha256=None, port=80).admit({b"host": b"localhost"}) == ANYONE


@pytest.mark.parametrize(
    "origin", ["null", "http://evil.example", "https://localhost:8765", "http://localhost"]
)
def test_a_page_of_another_origin_is_forbidden(origin: str) -> None:
    assert status_of(a_door(), headers(authorization="Bearer " + TOKEN, origin=origin)) == 403


def test_where_every_address_is_listened_on_any_host_is_served_but_no_foreign_page() -> None:
    door = a_door(token_sha256=None, hosts=("0.0.0.0",))  # noqa: S104 - not bound here

    assert door.admit({b"host": b"db.example:8765"}) == ANYONE
    assert status_of(door, {b"host": b"x", b"origin": b"http://x"}) == 403
