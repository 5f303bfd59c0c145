"""Prove a password to MariaDB by its plugin ed25519; pure.

It is RFC 8032, section 5.1.6, with the password, of whatever length, in the place of the private
key: hence no library's signature will do, and only the arithmetic on the curve is a library's.
The server stores the public key, and learns nothing from a signature that it could use elsewhere.
"""

import hashlib
from typing import Final

from nacl import bindings as curve

SALT_BYTES: Final = 32
_HALF_BYTES: Final = 32


def sign(password: bytearray, salt: bytes) -> bytes:
    """Return the signature of *salt*, 64 bytes."""
    hashed = hashlib.sha512(password).digest()
    secret, prefix = _pruned(hashed[:_HALF_BYTES]), hashed[_HALF_BYTES:]
    nonce = _scalar(prefix, salt)
    commitment = curve.crypto_scalarmult_ed25519_base_noclamp(nonce)
    public = curve.crypto_scalarmult_ed25519_base_noclamp(secret)
    challenge = _scalar(commitment, public, salt)
    product = curve.crypto_core_ed25519_scalar_mul(challenge, secret)
    return commitment + curve.crypto_core_ed25519_scalar_add(product, nonce)


def _pruned(half: bytes) -> bytes:
    # Section 5.1.5: a multiple of the cofactor, and of a fixed highest bit.
    return bytes([half[0] & 0xF8]) + half[1:-1] + bytes([half[-1] & 0x7F | 0x40])


def _scalar(*parts: bytes) -> bytes:
    return curve.crypto_core_ed25519_scalar_reduce(hashlib.sha512(b"".join(parts)).digest())
