"""A password that came with a call opens with the vault's key, for its caller and destination."""

import json
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from broker.sealing import NO_PASSWORD, Sealing
from vault.opening import NotOpenedError, open_sealed
from wire.destination import LENGTH_BYTES, PADDED_TO_BYTES, Destination, sealing_purpose
from wire.faults import Fault, FaultCode
from wire.names import Principal

VAULT: Final = X25519PrivateKey.generate()
ALICE: Final = Principal("token:alice")
HERE: Final = Destination(
    engine="postgresql", host="localhost", port=5432, database="main", user="jürgen"
)
FIELDS: Final[dict[str, object]] = {
    "storage_type": "postgresql",
    "host": "localhost",
    "database": "main",
    "username": "jürgen",
}


def a_sealing() -> Sealing:
    sealing = Sealing()
    sealing.vault_ready(VAULT.public_key().public_bytes_raw())
    return sealing


def a_call(password: object, **other: object) -> bytearray:
    arguments = {**FIELDS, "password": password, **other}
    params = {"name": "connect_storage", "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return bytearray(json.dumps(message).encode())


def opened(sealed: bytes, destination: Destination = HERE, caller: Principal = ALICE) -> bytes:
    page = memoryview(bytearray(4096))
    info = sealing_purpose(destination, caller)
    return bytes(open_sealed(sealed, VAULT, info=info, into=page))


@pytest.mark.parametrize("password", ["x", ":@/%'\"\\", "pässwörd-🔑", "y" * 1024])
def test_the_vault_finds_the_password_behind_its_length(password: str) -> None:
    sealed = a_sealing().take_password(a_call(password), ALICE)

    assert isinstance(sealed, bytes)
    plain = opened(sealed)
    length = int.from_bytes(plain[:LENGTH_BYTES], "big")
    assert plain[LENGTH_BYTES : LENGTH_BYTES + length] == password.encode()
    assert not any(plain[LENGTH_BYTES + length :])


def test_how_long_a_password_is_does_not_show() -> None:
    sealed = [a_sealing().take_password(a_call("x" * length), ALICE) for length in range(1, 40)]

    sizes = {len(one) for one in sealed if isinstance(one, bytes)}
    assert len(sizes) == 1
    assert min(sizes) > PADDED_TO_BYTES


@pytest.mark.parametrize(
    ("change", "caller"),
    [
        ({}, "token:bob"),
        ({"host": "127.0.0.1"}, ALICE),
        ({"port": 5433}, ALICE),
        ({"database": "other"}, ALICE),
        ({"user": "postgres"}, ALICE),
        ({"engine": "mysql"}, ALICE),
    ],
)
def test_it_opens_for_no_other_caller_and_no_other_destination(
    change: dict[str, object], caller: str
) -> None:
    sealed = a_sealing().take_password(a_call("secret"), ALICE)
    fields = {name: getattr(HERE, name) for name in HERE.__struct_fields__}
    other = Destination(**{**fields, **change})

    assert isinstance(sealed, bytes)
    with pytest.raises(NotOpenedError):
        opened(sealed, other, Principal(caller))


def test_the_message_is_rid_of_it_before_anything_else_reads_it() -> None:
    raw = a_call("secret")

    a_sealing().take_password(raw, ALICE)

    assert json.loads(raw)["params"]["arguments"] == {**FIELDS, "password": ""}


@pytest.mark.parametrize(
    ("password", "other"),
    [
        ("", {}),
        (7, {}),
        ("a\0b", {}),
        ("x" * 1025, {}),
        ("secret", {"host": ""}),
        ("secret", {"storage_type": "sqlite"}),
        ("secret", {"unheard_of": 1}),
    ],
)
def test_of_a_call_that_nobody_will_carry_out_nothing_is_sealed(
    password: object, other: dict[str, object]
) -> None:
    raw = a_call(password, **other)

    assert a_sealing().take_password(raw, ALICE) == NO_PASSWORD
    assert b"secret" not in raw


def test_before_the_vault_is_there_a_password_is_cut_and_goes_nowhere() -> None:
    raw = a_call("secret")

    assert Sealing().take_password(raw, ALICE) == Fault(code=FaultCode.UNAVAILABLE)
    assert b"secret" not in raw


def test_any_other_message_stays_as_it_is() -> None:
    raw = bytearray(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
    before = bytes(raw)

    assert a_sealing().take_password(raw, ALICE) == NO_PASSWORD
    assert raw == before
