"""Prove a password to MySQL or MariaDB without sending it: what each plugin computes; pure.

mysql_native_password: SHA1(password) XOR SHA1(salt, SHA1(SHA1(password))).
caching_sha2_password: SHA256(password) XOR SHA256(SHA256(SHA256(password)), salt).
Both on the password's own bytes. Whoever hears salt and proof can try passwords at great speed,
and the server proves nothing. What is derived lives in immutable values, which are
overwritten when they are freed, as a login's allocator does with all memory; none outlives a call.
"""

import hashlib
from typing import Final

from vault.login.refusals import LoginRefusedError, Stage

SALT_BYTES: Final = 20


def native(password: bytearray, salt: bytes) -> bytes:
    """Return the answer of mysql_native_password."""
    once = _digest("sha1", password)
    return _xor(once, _digest("sha1", salt, _digest("sha1", once)))


def caching_sha2(password: bytearray, salt: bytes) -> bytes:
    """Return the first answer of caching_sha2_password, the one of its fast path."""
    once = _digest("sha256", password)
    return _xor(once, _digest("sha256", _digest("sha256", once), salt))


def _digest(name: str, *parts: bytes | bytearray) -> bytes:
    try:
        # The protocol's choice, not ours: where policy forbids SHA-1 for security, it is still
        # there.
        digest = hashlib.new(name, usedforsecurity=False)
    except ValueError:
        raise LoginRefusedError(
            Stage.AUTHENTICATE, "The server's plugin needs SHA-1, and this machine lacks it."
        ) from None
    for part in parts:
        # One after the other: joined, they would be a copy of the password that nobody wipes.
        digest.update(part)
    return digest.digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
