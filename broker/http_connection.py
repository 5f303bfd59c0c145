"""One client's HTTP connection: uvicorn's protocol, with limits where uvicorn has none.

A client has to say what it wants briefly and soon, and to read what it asked for. Only the end of
a connection is decided here and in `crowd.py`; what is said on it is uvicorn's.
"""

import asyncio
import contextlib
import math
import socket
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from broker.body import BODY, Body
from broker.crowd import Crowd, HttpLimits
from broker.wiped import Wiped, overwrite

HEAD_MAX_BYTES: Final = 64 << 10

CONNECTION: Final = "strongroom.connection"
"""Where the state of a request's scope has its `LimitedProtocol`."""

_RECEIVED_BYTES: Final = 64 << 10
"""Taken from a client in one go; as much as may wait for its reader before no more is taken."""

_ZEROS: Final = bytes(_RECEIVED_BYTES)

_STOP_S: Final = 1

_LARGE_BYTES: Final = 64 << 10
"""Of such an answer no byte may be left before the next request: a byte holds all of it."""

_KERNEL_BYTES: Final = 128 << 10
"""What the kernel may take before it is on its way; with more, a slow reader seems to stand still
between two gulps of it."""


class HttpConfig(uvicorn.Config):
    """Uvicorn's configuration, and what our connections share."""

    def __init__(self, app: ASGIApp, *, limits: HttpLimits, crowd: Crowd) -> None:
        super().__init__(
            _Gauged(app),
            http=ReceivingProtocol,  # type: ignore[arg-type] # asked for what it is by the loop only
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            # Beside our own limit, which holds whatever bytes come.
            timeout_keep_alive=math.ceil(limits.idle_s),
            limit_concurrency=limits.connections,
            timeout_graceful_shutdown=_STOP_S,
        )
        self.limits = limits
        self.crowd = crowd
        self.received = memoryview(Wiped(_RECEIVED_BYTES))
        """Where all connections receive: a loop serves one at a time."""


class LimitedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with one client."""

    def __init__(
        self,
        config: HttpConfig,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = config.limits
        self._crowd = config.crowd
        self._in_head, self._head_bytes = True, 0
        self._is_receiving = False
        self._body = Body()
        self._due: float | None = None
        self._large_bytes = 0
        self._is_unread = False
        self._unsent_bytes, self._moved_at = 0, 0.0

    def connection_made(  # type: ignore[override] # as narrow as uvicorn's own
        self, transport: asyncio.Transport
    ) -> None:
        """Begin with a connection, and expect a request."""
        super().connection_made(transport)
        self._expect(self._limits.head_s)
        # A client that is gone already has no socket to set anything on.
        with contextlib.suppress(OSError):
            transport.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _KERNEL_BYTES
            )
        self._crowd.came(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, and at once what nobody will read any more."""
        self._crowd.left(self)
        self._body.drop()
        for cycle, _ in self.pipeline:
            cycle.scope["state"][BODY].drop()
        super().connection_lost(exc)

    def data_received(self, data: bytes | memoryview) -> None:
        """Parse *data*; refuse a head that has no end."""
        was_in_head = self._in_head
        super().data_received(data)  # type: ignore[arg-type] # the parser takes any buffer
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_MAX_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Begin with a request."""
        super().on_message_begin()
        self._body = Body()
        self.scope["state"].update({CONNECTION: self, BODY: self._body})
        self._in_head, self._head_bytes = True, 0
        self._is_receiving = True
        self._expect(self._limits.head_s)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; trailers, which nobody sends, would have no limit."""
        if self._in_head:
            super().on_header(name, value)
        else:
            self.cut_off()

    def on_headers_complete(self) -> None:
        """Begin with the request's body."""
        self._in_head = False
        self._expect(self._limits.body_s)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, instead of uvicorn, which would leave copies of it."""
        if self.cycle.response_complete:
            overwrite(body)
            return
        self._body.add(body)
        if self._body.unheeded_bytes > _RECEIVED_BYTES:
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        """Have the request whole."""
        super().on_message_complete()
        self._is_receiving = False
        self._rest()

    def admitted(self) -> None:
        """Note that the client has shown who it is."""
        self._crowd.admitted(self)

    def will_write(self, size_bytes: int) -> None:
        """Prepare for a part of an answer."""
        if size_bytes > _LARGE_BYTES:
            self._large_bytes = size_bytes
            self.transport.set_write_buffer_limits(high=0)

    def pause_writing(self) -> None:
        """Count an answer among what waits for its reader."""
        super().pause_writing()
        unsent = self.transport.get_write_buffer_size()
        self._unsent_bytes, self._moved_at = unsent, self.loop.time()
        # The whole of an answer stays in memory until its last byte is out.
        self._crowd.fell_behind(self, max(unsent, self._large_bytes))

    def resume_writing(self) -> None:
        """Go on, with the next request if the answer was over."""
        super().resume_writing()
        self._crowd.caught_up(self)
        if self._is_unread:
            self._is_unread = False
            self.on_response_complete()

    def on_response_complete(self) -> None:
        """Take the next request, as soon as the answer to this one is read."""
        if self.flow.write_paused and not self.transport.is_closing():
            self._is_unread = True
            self.flow.pause_reading()
            return
        if self._large_bytes and not self.transport.is_closing():
            self._large_bytes = 0
            self.transport.set_write_buffer_limits()
        super().on_response_complete()
        if self._is_receiving and not self._in_head:
            # Of the next request's time it was we who took some: nothing was read meanwhile.
            self._expect(self._limits.body_s)
        self._rest()

    def look(self, now: float) -> None:
        """End, if the time is over for what is being waited for."""
        if self._is_stalled(now):
            self._crowd.stalled(self)
        elif self._due is not None and now >= self._due:
            if self.flow.read_paused:
                # It is we who do not read: a request before this one is not answered yet.
                self._due = now + self._limits.body_s
            else:
                self.cut_off()

    def cut_off(self) -> None:
        """End at once, whatever is on its way."""
        self._crowd.left(self)
        self.connections.discard(self)
        self.transport.abort()

    def _expect(self, within_s: float) -> None:
        self._due = self.loop.time() + within_s

    def _rest(self) -> None:
        """Wait for the next request, unless one is being received or answered."""
        if self._is_receiving:
            return
        if self.cycle.response_complete:
            self._expect(self._limits.idle_s)
        else:
            self._due = None

    def _is_stalled(self, now: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent < self._unsent_bytes:
            self._moved_at = now
        self._unsent_bytes = unsent
        return unsent > 0 and now - self._moved_at >= self._limits.stall_s


class ReceivingProtocol(asyncio.BufferedProtocol):
    """A `LimitedProtocol` whose bytes come by a buffer that is overwritten after each use.

    The loop's own buffer would have the last of them for as long as the process lives.
    """

    def __init__(
        self,
        config: HttpConfig,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._received = config.received
        self._inner = LimitedProtocol(config, server_state, app_state, _loop)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to put what comes."""
        del sizehint
        return self._received

    def buffer_updated(self, nbytes: int) -> None:
        """Parse what has come."""
        received = self._received[:nbytes]
        try:
            self._inner.data_received(received)
        finally:
            received[:] = _ZEROS[:nbytes]

    def connection_made(  # type: ignore[override] # as narrow as uvicorn's own
        self, transport: asyncio.Transport
    ) -> None:
        """Begin with a connection."""
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._inner.connection_lost(exc)

    def eof_received(self) -> None:
        """Let the connection end: half of one is of no use."""
        self._inner.eof_received()

    def pause_writing(self) -> None:
        """Count an answer among what waits for its reader."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Go on."""
        self._inner.resume_writing()


class _Gauged:
    """The application, whose connection knows the size of an answer before it is written."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection: LimitedProtocol = scope["state"][CONNECTION]

        async def gauged(message: Message) -> None:
            connection.will_write(len(message.get("body", b"")))
            await send(message)

        await self._app(scope, receive, gauged)
