"""A grant is ours, alive and its executor's, or it is refused."""

import os

import pytest
from hypothesis import given
from hypothesis.strategies import binary

from tests.unit.vault.making import EXECUTOR, OTHER_EXECUTOR, a_pool, keys
from vault.grants import GRANT_MAX_BYTES, MAC_BYTES, Claims, GrantRefusedError, mint, read
from wire.names import ConnectionId

KEYS = keys()
CLAIMS = Claims(ConnectionId("A" * 43), a_pool(), EXECUTOR, expires_at=60.0)
GRANT = mint(CLAIMS, mac=KEYS.mac)


def refusal_of(grant: bytes, *, executor: str = EXECUTOR, now: float = 0) -> str:
    with pytest.raises(GrantRefusedError) as refused:
        read(grant, executor=type(EXECUTOR)(executor), now=now, mac=KEYS.mac)
    return str(refused.value)


def test_a_grant_says_what_was_put_into_it() -> None:
    assert read(GRANT, executor=EXECUTOR, now=59.9, mac=KEYS.mac) == CLAIMS


@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_a_grant_with_any_byte_changed_is_forged(bit: int) -> None:
    for position in range(len(GRANT)):
        changed = bytearray(GRANT)
        changed[position] ^= bit

        assert refusal_of(bytes(changed)) == "forged"


def test_a_grant_cut_at_any_place_or_lengthened_is_forged() -> None:
    for length in range(len(GRANT)):
        assert refusal_of(GRANT[:length]) == "forged"
    assert refusal_of(GRANT + b"\0") == "forged"


@given(binary(max_size=300))
def test_no_bytes_make_a_grant(noise: bytes) -> None:
    assert refusal_of(noise) == "forged"


def test_a_grant_is_worth_nothing_to_another_executor() -> None:
    assert refusal_of(GRANT, executor=OTHER_EXECUTOR) == "foreign"


def test_a_grant_is_refused_from_the_moment_it_expires() -> None:
    assert refusal_of(GRANT, now=60) == "expired"


def test_a_grant_of_another_vault_s_keys_is_forged() -> None:
    assert refusal_of(mint(CLAIMS, mac=keys().mac)) == "forged"


def test_an_oversized_grant_is_refused_whoever_made_it() -> None:
    body = os.urandom(GRANT_MAX_BYTES)

    assert refusal_of(body + KEYS.mac(body)) == "forged"


def test_a_mac_alone_is_no_grant() -> None:
    mac = KEYS.mac(b"")

    assert len(mac) == MAC_BYTES
    assert refusal_of(b"\0" + mac) == "forged"
