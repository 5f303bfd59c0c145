"""Open what was sealed to the vault's public key: HPKE in base mode (RFC 9180), single shot.

The suite is DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Sealing is the library's; opening
is written out here, because the library returns the plaintext as an object on the Python heap, and
here it goes straight into a secret page. Pure.
"""

import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

ENC_BYTES: Final = 32
TAG_BYTES: Final = 16

_VERSION: Final = b"HPKE-v1"
_KEM: Final = b"KEM\x00\x20"
_SUITE: Final = b"HPKE\x00\x20\x00\x01\x00\x02"
_BASE: Final = b"\x00"
_HASH_BYTES: Final = 32
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class NotOpenedError(Exception):
    """It was sealed to another key or for another purpose, changed on the way, or is too long."""


def open_sealed(
    sealed: bytes, private: X25519PrivateKey, *, info: bytes, into: memoryview
) -> memoryview:
    """Decrypt *sealed* into *into*, a view of a secret page; return the part that was filled.

    Raises NotOpenedError, with nothing of the plaintext left in *into*. The caller wipes it.
    """
    enc, body = sealed[:ENC_BYTES], sealed[ENC_BYTES:]
    length = len(body) - TAG_BYTES
    if not 0 <= length <= len(into):
        raise NotOpenedError
    try:
        key, nonce = _key_and_nonce(_shared_secret(enc, private), info)
        AESGCM(key).decrypt_into(nonce, body, None, into[:length])
    except (InvalidTag, ValueError):
        into[:length] = bytes(length)
        raise NotOpenedError from None
    return into[:length]


def _shared_secret(enc: bytes, private: X25519PrivateKey) -> bytes:
    """Return Decap(enc, skR) (section 4.1); raise ValueError for a point of small order."""
    exchanged = private.exchange(X25519PublicKey.from_public_bytes(enc))
    pseudorandom = _extract(b"", b"eae_prk", exchanged, suite=_KEM)
    context = enc + private.public_key().public_bytes_raw()
    return _expand(pseudorandom, b"shared_secret", context, _HASH_BYTES, suite=_KEM)


def _key_and_nonce(shared_secret: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Return key and first nonce of the key schedule (section 5.1), without a pre-shared key."""
    no_psk = _extract(b"", b"psk_id_hash", b"", suite=_SUITE)
    context = _BASE + no_psk + _extract(b"", b"info_hash", info, suite=_SUITE)
    secret = _extract(shared_secret, b"secret", b"", suite=_SUITE)
    key = _expand(secret, b"key", context, _KEY_BYTES, suite=_SUITE)
    return key, _expand(secret, b"base_nonce", context, _NONCE_BYTES, suite=_SUITE)


def _extract(salt: bytes, label: bytes, material: bytes, *, suite: bytes) -> bytes:
    """Return LabeledExtract (section 4)."""
    return hmac.digest(salt, _VERSION + suite + label + material, "sha256")


def _expand(secret: bytes, label: bytes, context: bytes, length: int, *, suite: bytes) -> bytes:
    """Return LabeledExpand (section 4)."""
    info = length.to_bytes(2, "big") + _VERSION + suite + label + context
    return HKDFExpand(SHA256(), length, info).derive(secret)
