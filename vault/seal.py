"""What is sealed with the vault's own keys: credentials, the state, grants; and to its public key.

The keys are made once and live in the key page, which outlives this process in a descriptor that
the supervisor holds and never maps. AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces;
grants carry an HMAC-SHA-256 (RFC 2104). What others seal to the vault is in `opening`.
"""

import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.secret import SecretPage

NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_KEY_BYTES: Final = 32
_MADE: Final = b"strongroom keys1"


class SealBrokenError(Exception):
    """Something sealed was changed, or sealed under another key."""


class Keys:
    """The keys in the key page; none of them is ever copied to an object that stays."""

    def __init__(self, page: SecretPage) -> None:
        made = len(_MADE)
        self._state = page.view[made : made + _KEY_BYTES]
        self._credential = page.view[made + _KEY_BYTES : made + 2 * _KEY_BYTES]
        self._grant = page.view[made + 2 * _KEY_BYTES : made + 3 * _KEY_BYTES]
        self._receiving = page.view[made + 3 * _KEY_BYTES : made + 4 * _KEY_BYTES]
        if bytes(page.view[:made]) != _MADE:
            for key in (self._state, self._credential, self._grant, self._receiving):
                key[:] = os.urandom(_KEY_BYTES)
            page.view[:made] = _MADE

    def seal_state(self, plain: bytes, *, about: bytes) -> bytes:
        """Return *plain* sealed; *about* must be the same at opening."""
        return _seal(self._state, plain, b"state\0" + about)

    def open_state(self, sealed: bytes, *, about: bytes) -> bytes:
        """Return what was sealed; raise SealBrokenError otherwise."""
        try:
            nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
            return AESGCM(self._state).decrypt(nonce, body, b"state\0" + about)
        except (InvalidTag, ValueError):
            raise SealBrokenError from None

    def seal_credential(self, secret: memoryview, *, name: str) -> bytes:
        """Return *secret* sealed under *name*; the caller wipes it."""
        return _seal(self._credential, secret, b"credential\0" + name.encode())

    def open_credential(self, sealed: bytes, *, name: str, into: memoryview) -> memoryview:
        """Decrypt straight into *into*, a view of a secret page; return the part that was filled.

        The plaintext never enters the Python heap; the caller wipes it.
        """
        nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        filled = into[: len(body) - TAG_BYTES]
        try:
            AESGCM(self._credential).decrypt_into(
                nonce, body, b"credential\0" + name.encode(), filled
            )
        except (InvalidTag, ValueError):
            raise SealBrokenError from None
        return filled

    def receiving_key(self) -> X25519PrivateKey:
        """Return the key for what others sealed to us; for one use, because it is a copy."""
        # Any 32 bytes are a private key (RFC 7748, section 5).
        return X25519PrivateKey.from_private_bytes(self._receiving)

    def sealing_key(self) -> bytes:
        """Return the public half, for those who seal to us; the same in every life of the vault."""
        return self.receiving_key().public_key().public_bytes_raw()

    def mac(self, message: bytes) -> bytes:
        """Return the MAC that only this vault can make."""
        return hmac.digest(self._grant, message, "sha256")


def _seal(key: memoryview, plain: bytes | memoryview, about: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, about)
