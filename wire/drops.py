"""What a process heard and does not act on: logged by size, kind and sender, never quoted.

A malformed message may hold whatever its sender had in memory.
"""

from collections.abc import Iterable

from msgspec import Struct

from wire.codec import MalformedMessageError
from wire.logs import Log
from wire.packets import close_all


def log_malformed(log: Log, error: MalformedMessageError, *, sender: str) -> None:
    """Log a message that its sender may not say."""
    log.warning("malformed_message", sender=sender, size_bytes=error.size_bytes)


def drop_unexpected(log: Log, message: Struct, descriptors: Iterable[int]) -> None:
    """Log what the supervisor says to others only, or with other descriptors; close those."""
    close_all(descriptors)
    log.warning("unexpected_message", kind=type(message).__name__)
