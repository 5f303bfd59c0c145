"""HPKE in base mode, with the library's own sealing as the oracle."""

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given
from hypothesis import strategies as st

from vault.opening import ENC_BYTES, TAG_BYTES, NotOpenedError, open_sealed

LIBRARY = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
PRIVATE = X25519PrivateKey.generate()
PAGE_BYTES = 4096


def a_page() -> memoryview:
    return memoryview(bytearray(PAGE_BYTES))


def sealed(plain: bytes, info: bytes = b"for a test") -> bytes:
    return LIBRARY.encrypt(plain, PRIVATE.public_key(), info=info)


@given(st.binary(max_size=2000), st.binary(max_size=300))
def test_what_the_library_seals_is_opened(plain: bytes, info: bytes) -> None:
    opened = open_sealed(sealed(plain, info), PRIVATE, info=info, into=a_page())

    assert bytes(opened) == plain


@given(st.data())
def test_one_changed_bit_anywhere_opens_nothing_and_leaves_nothing(data: st.DataObject) -> None:
    good = sealed(b"a password")
    bit = data.draw(st.integers(0, len(good) * 8 - 1))
    bad = bytearray(good)
    bad[bit // 8] ^= 1 << bit % 8
    page = a_page()

    # RFC 7748, section 5: the highest bit of a point does not count; RFC 9180 binds the bytes.
    with pytest.raises(NotOpenedError):
        open_sealed(bytes(bad), PRIVATE, info=b"for a test", into=page)
    assert bytes(page) == bytes(PAGE_BYTES)


def test_another_purpose_or_another_key_opens_nothing() -> None:
    good = sealed(b"a password")

    with pytest.raises(NotOpenedError):
        open_sealed(good, PRIVATE, info=b"for another", into=a_page())
    with pytest.raises(NotOpenedError):
        open_sealed(good, X25519PrivateKey.generate(), info=b"for a test", into=a_page())


@given(st.binary(max_size=ENC_BYTES + TAG_BYTES + 20))
def test_no_bytes_raise_anything_else(junk: bytes) -> None:
    with pytest.raises(NotOpenedError):
        open_sealed(junk, PRIVATE, info=b"", into=a_page())


@pytest.mark.parametrize("enc", [bytes(32), b"\x01" + bytes(31)])
def test_a_point_of_small_order_is_refused(enc: bytes) -> None:
    with pytest.raises(NotOpenedError):
        open_sealed(enc + bytes(TAG_BYTES + 4), PRIVATE, info=b"", into=a_page())


def test_more_than_fits_is_refused_before_it_is_decrypted() -> None:
    with pytest.raises(NotOpenedError):
        open_sealed(sealed(bytes(65)), PRIVATE, info=b"for a test", into=a_page()[:64])
