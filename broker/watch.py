"""Notices that a client goes away while its request runs, and cancels the request.

On HTTP a closed response is the cancellation (MCP 2026-07-28, transports). The watch begins a
moment late: most requests are over by then, and a task for each would cost more than they do.
"""

import asyncio
from typing import Final

from starlette.types import Receive

_BEGIN_AFTER_S: Final = 0.02


class DisconnectWatch:
    """Cancels the current task when *receive* tells that the client is gone."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(_BEGIN_AFTER_S, self._begin)
        self._watcher: asyncio.Task[None] | None = None
        self.gone = False

    def stop(self) -> None:
        """Watch no longer; nothing is cancelled after this."""
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def absolve(self) -> None:
        """Take back the cancellation, once it has done what it was for."""
        if self._task is not None:
            self._task.uncancel()

    def _begin(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self._task is not None:
            self._task.cancel()
