"""The gateway's HTTP side in the test's own loop: real sockets, the real server, our real link."""

import asyncio
import contextlib
import hashlib
import json
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from mcp.client import Transport
from mcp.client.streamable_http import streamable_http_client
from starlette.types import Receive, Scope, Send

from broker.application import Application
from broker.crowd import USUAL, HttpLimits
from broker.identity import Door
from broker.link import RouterLink
from broker.listener import HttpServer
from broker.sdk import make_http, make_server
from broker.sealing import Sealing
from broker.tools import Tools
from tests.unit.broker.standin_router import StandInRouter
from wire.logs import Log
from wire.names import Incarnation

SEALING_KEY = X25519PrivateKey.generate().public_key().public_bytes_raw()
MODERN_VERSION = "2026-07-28"
MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN_VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass
class Gateway:
    """A gateway that runs."""

    link: RouterLink
    port: int
    token: str
    http: httpx2.AsyncClient
    sdk_calls: list[str] = field(default_factory=list)
    """Paths of the requests that the SDK answered."""

    @property
    def url(self) -> str:
        """Return the MCP endpoint."""
        return f"http://127.0.0.1:{self.port}/mcp"

    def transport(self) -> Transport:
        """Return what an SDK client connects with."""
        return streamable_http_client(self.url, http_client=self.http)

    async def post(self, body: object, **headers: str) -> httpx2.Response:
        """Post *body* as a client would, with further or other headers."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        usual = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
        }
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(self.url, content=content, headers={**usual, **named})

    async def call(
        self,
        name: str,
        arguments: object,
        *,
        version: str,
        meta: dict[str, object] | None = None,
        plain: bool = True,
    ) -> httpx2.Response:
        """Post a tool call of one era; one that is not *plain* is the SDK's to answer."""
        further = {} if plain else {"unheardOf": None}
        body = tool_call(name, arguments, version=version, meta=meta, **further)
        return await self.post(body, **era_headers(name, version))


def a_sealing() -> Sealing:
    """Return what seals passwords to a vault that nobody has."""
    sealing = Sealing()
    sealing.vault_ready(SEALING_KEY)
    return sealing


def era_headers(name: str, version: str) -> dict[str, str]:
    """Return the headers of a tool call."""
    if version == MODERN_VERSION:
        return {"mcp_protocol_version": version, "mcp_method": "tools/call", "mcp_name": name}
    return {"mcp_protocol_version": version}


def tool_call(
    name: str,
    arguments: object,
    *,
    version: str,
    meta: dict[str, object] | None = None,
    **further: object,
) -> dict[str, object]:
    """Return the body of a tool call, with *further* params that no era has."""
    params: dict[str, object] = {"name": name, "arguments": arguments, **further}
    if version == MODERN_VERSION:
        params["_meta"] = {**MODERN_META, **(meta or {})}
    elif meta is not None:
        params["_meta"] = meta
    return {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}


def answered(response: httpx2.Response) -> dict[str, object]:
    """Return the JSON-RPC answer, from plain JSON or from an event stream."""
    if response.headers["content-type"].startswith("text/event-stream"):
        (data,) = (line for line in response.text.splitlines() if line.startswith("data: {"))
        return dict(json.loads(data.removeprefix("data: ")))
    return dict(response.json())


def part(answer: object, *names: str) -> object:
    """Return what is under these names, one inside the other."""
    for name in names:
        assert isinstance(answer, dict)
        answer = answer[name]
    return answer


@contextlib.asynccontextmanager
async def a_gateway(
    router: StandInRouter | None,
    *,
    with_token: bool = True,
    waiting_max: int = 1024,
    statement_ms: int = 30_000,
    limits: HttpLimits = USUAL,
) -> AsyncIterator[Gateway]:
    """Run a gateway."""
    token = secrets.token_urlsafe(24)
    link = RouterLink(
        Incarnation(f"gateway-1.{secrets.token_hex(4)}"), waiting_max=waiting_max, log=Log("test")
    )
    tools = Tools(link, statement_ms=statement_ms, log=Log("test"))
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    digest = hashlib.sha256(token.encode()).hexdigest() if with_token else None
    manager = make_http(make_server(tools, Log("test")))
    sdk_calls: list[str] = []

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        sdk_calls.append(scope["path"])
        await manager.asgi_app(scope, receive, send)

    door = Door(token_sha256=digest, listen_hosts=["127.0.0.1"], port=port)
    app = Application(counted, tools=tools, door=door, sealing=a_sealing())
    ready = asyncio.Event()
    server = HttpServer(app, when_ready=ready.set, log=Log("test"), limits=limits)
    if router is not None:
        link.router_ready(router.endpoint, router.public_key)
    authorization = {"authorization": f"Bearer {token}"} if with_token else {}
    async with manager.run(), httpx2.AsyncClient(headers=authorization, timeout=20) as http:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        await ready.wait()
        try:
            yield Gateway(link, port, token, http, sdk_calls)
        finally:
            server.should_exit = server.force_exit = True
            await serving
            link.close()
