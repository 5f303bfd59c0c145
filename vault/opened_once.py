"""What clients brought sealed is opened once; pure.

Sealing is random, so that a second of the same bytes is the first, kept and sent again by somebody
between gateway and vault.
"""

from hashlib import sha256
from typing import Final

KEPT_MAX: Final = 10_000
"""Of so many the oldest is forgotten, and all of them when the vault's process ends."""


class OpenedOnce:
    """What has been opened, by its hash."""

    def __init__(self) -> None:
        self._hashes: dict[bytes, None] = {}

    def has(self, sealed: bytes) -> bool:
        """Return whether *sealed* was opened before."""
        return _hash(sealed) in self._hashes

    def note(self, sealed: bytes) -> None:
        """Note that *sealed* was opened."""
        if len(self._hashes) >= KEPT_MAX:
            del self._hashes[next(iter(self._hashes))]
        self._hashes[_hash(sealed)] = None


def _hash(sealed: bytes) -> bytes:
    return sha256(sealed).digest()
