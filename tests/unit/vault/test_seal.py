"""What is sealed opens under its own name and keys, and nowhere else."""

import pytest

from tests.unit.vault.making import ODD_PASSWORDS, keys
from vault.seal import NONCE_BYTES, TAG_BYTES, Keys, SealBrokenError
from vault.secret import SecretPage

KEYS = keys()


def opened(sealed: bytes, *, name: str = "NAME", by: Keys = KEYS) -> bytes:
    buffer = bytearray(2048)
    with memoryview(buffer) as view:
        return bytes(by.open_credential(sealed, name=name, into=view))


@pytest.mark.parametrize("password", ODD_PASSWORDS)
def test_a_credential_opens_to_what_was_sealed(password: str) -> None:
    sealed = KEYS.seal_credential(memoryview(password.encode()), name="NAME")

    assert opened(sealed) == password.encode()


def test_a_credential_opens_under_its_own_name_only() -> None:
    sealed = KEYS.seal_credential(memoryview(b"secret"), name="NAME")

    with pytest.raises(SealBrokenError):
        opened(sealed, name="OTHER")


def test_a_credential_of_other_keys_does_not_open() -> None:
    sealed = keys().seal_credential(memoryview(b"secret"), name="NAME")

    with pytest.raises(SealBrokenError):
        opened(sealed)


@pytest.mark.parametrize("length", [0, 1, NONCE_BYTES, NONCE_BYTES + TAG_BYTES - 1])
def test_what_was_cut_does_not_open(length: int) -> None:
    sealed = KEYS.seal_credential(memoryview(b"secret"), name="NAME")

    with pytest.raises(SealBrokenError):
        opened(sealed[:length])


def test_what_was_changed_at_any_byte_does_not_open() -> None:
    sealed = KEYS.seal_state(b"state", about=b"1")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 0x10

        with pytest.raises(SealBrokenError):
            KEYS.open_state(bytes(changed), about=b"1")


def test_a_state_is_bound_to_what_it_is_about_and_is_no_credential() -> None:
    sealed = KEYS.seal_state(b"state", about=b"1")

    assert KEYS.open_state(sealed, about=b"1") == b"state"
    with pytest.raises(SealBrokenError):
        KEYS.open_state(sealed, about=b"2")
    with pytest.raises(SealBrokenError):
        opened(sealed, name="1")


def test_the_same_secret_never_looks_the_same() -> None:
    seals = {KEYS.seal_credential(memoryview(b"secret"), name="NAME") for _ in range(50)}

    assert len({sealed[:NONCE_BYTES] for sealed in seals}) == 50


def test_the_keys_are_made_once_for_a_page() -> None:
    page = SecretPage.own()
    sealed = Keys(page).seal_state(b"state", about=b"1")

    assert Keys(page).open_state(sealed, about=b"1") == b"state"
    assert Keys(page).mac(b"message") == Keys(page).mac(b"message")


def test_no_two_keys_in_a_page_are_the_same() -> None:
    page = SecretPage.own()
    Keys(page)

    parts = {bytes(page.view[start : start + 32]) for start in (16, 48, 80)}

    assert len(parts) == 3
    assert bytes(32) not in parts
