"""The HTTP server on the inherited port: uvicorn with limits, without words of its own."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from broker.crowd import USUAL, Crowd, HttpLimits
from broker.http_connection import HttpConfig
from wire.logs import Log

_LOOK_EVERY: Final = 5
"""Ticks of uvicorn's, each of 0.1 s."""


class HttpServer(uvicorn.Server):
    """Uvicorn's server: says when it serves, and leaves the signals to the supervisor."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        when_ready: Callable[[], None],
        log: Log,
        limits: HttpLimits = USUAL,
    ) -> None:
        self._crowd = Crowd(limits, log=log)
        super().__init__(HttpConfig(app, limits=limits, crowd=self._crowd))
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and tell."""
        await super().startup(sockets)
        self._when_ready()

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections, and return whether to end."""
        if counter % _LOOK_EVERY == 0:
            self._crowd.look(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals as they are."""
        yield
