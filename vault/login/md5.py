"""Answer PostgreSQL's MD5 question, for connections that accept so weak a login; no I/O.

The answer is `md5` and hex of MD5(hex of MD5(password, user), salt), on the password's own bytes:
there is no SASLprep here. Whoever hears salt and answer can try passwords at great speed, and the
inner hash is what the server stores and as good as the password. The server proves nothing.
"""

import hashlib
from typing import Final

from vault.login.refusals import LoginRefusedError, Stage, malformed
from vault.wiping import wipe

SALT_BYTES: Final = 4


def answer(password: bytearray, *, user: bytes, salt: bytes) -> bytes:
    """Return the answer to *salt*; wipe the password, also when there is no answer.

    Raises LoginRefusedError. What is derived lives in immutable values that are let go here; the
    process that logs in must not outlive them in the open.
    """
    try:
        if len(salt) != SALT_BYTES:
            raise malformed(Stage.NEGOTIATE)
        if not password:
            raise LoginRefusedError(Stage.AUTHENTICATE, "There is no password to log in with.")
        return b"md5" + _hex(_hex(password, user), salt)
    finally:
        wipe(password)


def _hex(secret: bytearray | bytes, rest: bytes) -> bytes:
    try:
        # The protocol's choice, not ours: where policy forbids MD5 for security, it is still there.
        digest = hashlib.new("md5", usedforsecurity=False)
    except ValueError:
        raise LoginRefusedError(
            Stage.AUTHENTICATE, "The server asks for MD5, and this machine does not have it."
        ) from None
    # One after the other: joined, they would be a copy of the password that nobody wipes.
    digest.update(secret)
    digest.update(rest)
    return digest.hexdigest().encode("ascii")
