"""The HTTP server on the inherited port: uvicorn with limits, without words of its own.

What uvicorn leaves open is closed here: the size of a request's head, and the time that a client
may take for it.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_MAX_BYTES: Final = 64 << 10
HEAD_TIMEOUT_S: Final = 20.0

KEEP_ALIVE_S: Final = 75
"""Longer than most clients keep a connection, so that it is they who close it."""

CONNECTIONS_MAX: Final = 900
"""Below the 1024 descriptors that a process has by default; further clients hear 503."""

_STOP_S: Final = 1


class LimitedProtocol(HttpToolsProtocol):
    """HTTP/1.1 of a client who must say what it wants briefly and soon."""

    _head_bytes = 0
    _in_head = True
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override] # as narrow as uvicorn's own
        self, transport: asyncio.Transport
    ) -> None:
        """Begin with a connection, and expect a request."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._head_done()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse *data*; refuse a head that has no end."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_MAX_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Begin with a request."""
        super().on_message_begin()
        if not self._in_head:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """Begin with the request's body."""
        self._head_done()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self._head_bytes, self._in_head = 0, True
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _head_done(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()


class HttpServer(uvicorn.Server):
    """Uvicorn's server: says when it serves, and leaves the signals to the supervisor."""

    def __init__(self, app: ASGIApp, *, when_ready: Callable[[], None]) -> None:
        super().__init__(_config(app))
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and tell."""
        await super().startup(sockets)
        self._when_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals as they are."""
        yield


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=LimitedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=_STOP_S,
    )
