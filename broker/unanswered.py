"""How much a client on standard streams may have asked before it reads: it waits, and nobody else.

Its gateway is its own, so nothing of it is cut off. It is not read from while it has asked for much
that it has not read, and only so many of its results may exist at a time.
"""

import asyncio
from collections import deque
from typing import Final

from broker.envelope import MessageId

UNANSWERED_MAX_BYTES: Final = 32 << 20
"""Eight of the longest lines, or thousands of short ones."""

_REQUEST_BYTES: Final = 8 << 10
"""About what a request takes beside its own bytes, as a task of the SDK's."""


class Unanswered:
    """The requests whose answers are not written yet."""

    def __init__(self) -> None:
        self._sizes: dict[MessageId, deque[int]] = {}
        self._total_bytes = 0
        self._is_over = False
        self._settled = asyncio.Event()

    async def room(self) -> None:
        """Wait until another request may be read."""
        while self._total_bytes >= UNANSWERED_MAX_BYTES and not self._is_over:
            self._settled.clear()
            await self._settled.wait()

    def add(self, message_id: MessageId, size_bytes: int) -> None:
        """Count a request; a client may use one id for several at once."""
        size_bytes += _REQUEST_BYTES
        self._sizes.setdefault(message_id, deque()).append(size_bytes)
        self._total_bytes += size_bytes

    def settle(self, message_id: MessageId) -> None:
        """Forget a request that has its answer, or will never have one."""
        sizes = self._sizes.get(message_id)
        if sizes is None:
            return
        self._total_bytes -= sizes.popleft()
        if not sizes:
            del self._sizes[message_id]
        self._settled.set()

    def give_up(self) -> None:
        """Have nobody wait any more: no answer will be written."""
        self._is_over = True
        self._settled.set()
