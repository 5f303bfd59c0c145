"""How many bytes of statements the router holds, for all and for each principal; pure.

A gateway that was taken over may send as much as its frames hold, as often as it likes.
"""

from collections import Counter
from typing import Final

from wire.faults import Fault, FaultCode
from wire.names import Principal

PAYLOADS_MAX_BYTES: Final = 64 << 20
"""Sixteen of the largest bodies that a gateway takes."""

OF_ONE_MAX_BYTES: Final = PAYLOADS_MAX_BYTES * 3 // 4


class Payloads:
    """The bytes that are held, counted."""

    def __init__(self) -> None:
        self._held: Counter[Principal] = Counter()

    def refusal(self, principal: Principal, size_bytes: int) -> Fault | None:
        """Return the fault of so many bytes more, if there is no room for them."""
        if self._held.total() + size_bytes > PAYLOADS_MAX_BYTES:
            return _too_much(PAYLOADS_MAX_BYTES, "")
        if self._held[principal] + size_bytes > OF_ONE_MAX_BYTES:
            return _too_much(OF_ONE_MAX_BYTES, " for one client")
        return None

    def take(self, principal: Principal, size_bytes: int) -> None:
        """Count so many bytes more."""
        self._held[principal] += size_bytes

    def give_back(self, principal: Principal, size_bytes: int) -> None:
        """Count so many bytes less, and forget whoever has none left."""
        self._held[principal] -= size_bytes
        if not self._held[principal]:
            del self._held[principal]


def _too_much(limit: int, whose: str) -> Fault:
    sentence = f"The limit of {limit >> 20} MiB of statements at the same time{whose} is reached"
    return Fault(code=FaultCode.OVERLOADED, message=sentence)
