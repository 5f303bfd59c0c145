"""A client that says what it wants of HTTP, whole or in parts."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import NamedTuple

from tests.unit.broker.serving import Gateway, tool_call
from tests.unit.broker.standin_router import ID

WITHIN_S = 20.0


class Client(NamedTuple):
    """A client that says what it wants, byte by byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def say(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))

    async def head(self) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WITHIN_S)

    async def until(self, mark: bytes) -> None:
        """Read up to *mark*, however far it is."""
        tail = b""
        while mark not in tail:
            read = await asyncio.wait_for(self.reader.read(1 << 10), WITHIN_S)
            assert read
            tail = tail[-len(mark) :] + read

    async def end(self) -> bytes:
        """Return what comes until the connection ends."""
        rest = b""
        with contextlib.suppress(ConnectionResetError):
            while part := await asyncio.wait_for(self.reader.read(1 << 20), WITHIN_S):
                rest += part
        return rest


@contextlib.asynccontextmanager
async def a_client(gateway: Gateway, *, receives_bytes: int = 0) -> AsyncIterator[Client]:
    connecting = socket.socket()
    if receives_bytes:
        connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives_bytes)
    connecting.settimeout(0)
    await asyncio.get_running_loop().sock_connect(connecting, ("127.0.0.1", gateway.port))
    reader, writer = await asyncio.open_connection(sock=connecting, limit=1 << 12)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


def a_head(gateway: Gateway, length: object = 0, *, token: str | None = None) -> bytes:
    lines = [
        "POST /mcp HTTP/1.1",
        f"host: 127.0.0.1:{gateway.port}",
        f"authorization: Bearer {token or gateway.token}",
        "content-type: application/json",
        "accept: application/json, text/event-stream",
        "mcp-protocol-version: 2025-11-25",
        "transfer-encoding: chunked" if length is None else f"content-length: {length}",
    ]
    return "\r\n".join((*lines, "", "")).encode()


def a_call(gateway: Gateway, *, plain: bool = True, query: str = "select 1") -> bytes:
    further = {} if plain else {"unheardOf": None}
    arguments = {"connection_id": ID, "query": query}
    body = json.dumps(
        tool_call("execute_query", arguments, version="2025-11-25", **further)
    ).encode()
    return a_head(gateway, len(body)) + body
