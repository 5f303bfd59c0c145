"""The router's key pair, which survives its restarts in a memory that the supervisor holds.

So a peer's trust in the router's key outlives the router.
"""

import os
from typing import Final

from wire.sockets import KeyPair, new_key_pair

_Z85_BYTES: Final = 40


def keys_in(descriptor: int) -> KeyPair:
    """Return the pair in the memory behind *descriptor*, made now if there is none; close it."""
    try:
        stored = os.pread(descriptor, 2 * _Z85_BYTES, 0)
        if len(stored) == 2 * _Z85_BYTES and stored.strip(b"\0"):
            return KeyPair(stored[:_Z85_BYTES], stored[_Z85_BYTES:])
        made = new_key_pair()
        os.pwrite(descriptor, made.public + made.secret, 0)
        return made
    finally:
        os.close(descriptor)
