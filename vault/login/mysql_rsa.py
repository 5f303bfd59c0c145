"""Encrypt a password to the one RSA key that an operator has pinned for a MySQL server; pure.

For connections without TLS. The password and its NUL are XORed with the salt first, then encrypted
by OAEP with SHA-1, as the servers decrypt it. A server would send its key to whoever asks; a key
that comes that way may be anybody's, so nobody asks.
"""

from itertools import cycle
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from vault.login.refusals import LoginRefusedError, Stage
from vault.wiping import wipe

MIN_KEY_BITS: Final = 2048
"""What MySQL makes by itself; shorter keys have been broken."""

_OAEP_BYTES: Final = 42
"""How much shorter than the key a message must be: two SHA-1 digests and two bytes (RFC 8017)."""


def load(pem: bytes) -> rsa.RSAPublicKey:
    """Return the pinned key, or refuse what is none."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < MIN_KEY_BITS:
        raise LoginRefusedError(
            Stage.NEGOTIATE,
            f'The file of "server_public_key" holds no RSA public key of {MIN_KEY_BITS} bits or '
            "more, in PEM.",
        )
    return key


def encrypt(password: bytearray, *, salt: bytes, key: rsa.RSAPublicKey) -> bytes:
    """Return what only the holder of *key* can read; *salt* is not empty."""
    if len(password) + 1 > key.key_size // 8 - _OAEP_BYTES:
        raise LoginRefusedError(
            Stage.AUTHENTICATE, "The password is too long for the server's RSA key."
        )
    mixed = bytearray(len(password) + 1)
    mixed[:-1] = password
    for at, byte in zip(range(len(mixed)), cycle(salt)):
        mixed[at] ^= byte
    sha1 = hashes.SHA1()  # noqa: S303 - what the servers' OAEP has; it needs no collision resistance
    try:
        # The library takes nothing that could be overwritten; this copy is let go with the process.
        return key.encrypt(bytes(mixed), padding.OAEP(padding.MGF1(sha1), sha1, label=None))
    finally:
        wipe(mixed)
