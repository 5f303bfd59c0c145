"""A password that a client brought: opened in the secret page, sealed anew for the vault's state.

In between it is in that page and nowhere else.
"""

from typing import Final

from vault.opening import NotOpenedError, open_sealed
from vault.seal import Keys
from vault.secret import SecretPage
from vault.wiping import wipe
from wire.destination import LENGTH_BYTES, PADDED_TO_BYTES, PASSWORD_MAX_BYTES

_NUL: Final = 0


def reseal(sealed: bytes, keys: Keys, page: SecretPage, *, purpose: bytes, name: str) -> bytes:
    """Return the password in *sealed*, sealed under *name* as the vault's own.

    Raises NotOpenedError for what was not sealed for *purpose*, or is no password.
    """
    try:
        opened = open_sealed(sealed, keys.receiving_key(), info=purpose, into=page.view)
        return keys.seal_credential(_password(opened), name=name)
    finally:
        wipe(page.view)


def _password(opened: memoryview) -> memoryview:
    """Return the password without its length and padding."""
    end = LENGTH_BYTES + int.from_bytes(opened[:LENGTH_BYTES], "big")
    password = opened[LENGTH_BYTES:end]
    is_whole = end <= len(opened) and len(opened) % PADDED_TO_BYTES == 0
    if not is_whole or not 0 < len(password) <= PASSWORD_MAX_BYTES or _NUL in password:
        raise NotOpenedError
    return password
