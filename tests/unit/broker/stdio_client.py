"""A client of a gateway on standard streams: two pipes, and the gateway in the test's own loop."""

import asyncio
import contextlib
import json
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

from broker.link import RouterLink
from broker.sdk import make_server
from broker.stdio import serve_stdio
from broker.tools import Tools
from tests.unit.broker.serving import a_sealing
from tests.unit.broker.standin_router import StandInRouter
from wire.logs import Log
from wire.names import Incarnation, Principal

WITHIN_S = 20.0


@dataclass
class StdioClient:
    """A client's ends of a gateway's two pipes."""

    to_gateway: int
    reader: asyncio.StreamReader
    serving: "asyncio.Task[None]"
    transport: asyncio.ReadTransport

    async def send(self, *messages: object) -> None:
        for message in messages:
            line = message if isinstance(message, bytes) else json.dumps(message).encode()
            await asyncio.to_thread(write_all, self.to_gateway, line + b"\n")

    def stop_reading(self) -> None:
        self.transport.pause_reading()

    def go_on_reading(self) -> None:
        self.transport.resume_reading()

    async def receive(self) -> dict[str, object]:
        line = await asyncio.wait_for(self.reader.readline(), WITHIN_S)
        return dict(json.loads(line))

    async def initialize(self) -> None:
        await self.send(
            {
                "jsonrpc": "2.0",
                "id": 0,
                "method": "initialize",
                "params": {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {},
                    "clientInfo": {"name": "test", "version": "1"},
                },
            },
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
        )
        await self.receive()


def write_all(descriptor: int, line: bytes) -> None:
    with open(descriptor, "wb", closefd=False) as stream:
        stream.write(line)


@contextlib.asynccontextmanager
async def a_client(router: StandInRouter) -> AsyncIterator[StdioClient]:
    incoming, to_gateway = os.pipe()
    from_gateway, outgoing = os.pipe()
    log = Log("test")
    link = RouterLink(Incarnation(f"gateway-9.{secrets.token_hex(4)}"), waiting_max=16, log=log)
    link.router_ready(router.endpoint, router.public_key)
    server = make_server(Tools(link, statement_ms=30_000, log=log), log)
    serving = asyncio.create_task(
        serve_stdio(
            server,
            incoming=incoming,
            outgoing=outgoing,
            principal=Principal("uid:1000"),
            sealing=a_sealing(),
        )
    )
    reader = asyncio.StreamReader(limit=64 << 20)
    with open(from_gateway, "rb") as pipe:  # noqa: ASYNC230, PTH123 - a descriptor
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            yield StdioClient(to_gateway, reader, serving, transport)
        finally:
            with contextlib.suppress(OSError):
                os.close(to_gateway)
            try:
                await asyncio.wait_for(serving, WITHIN_S)
            finally:
                transport.close()
                # A thread that still writes to the gateway ends with this.
                for descriptor in (incoming, outgoing):
                    os.close(descriptor)
                link.close()
