"""A real MCP client with a calling convention for tests that kill things in between.

The SDK's `Client` lives in an event loop in a thread of its own; a test starts calls and collects
their answers when it likes.
"""

import asyncio
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Final, Literal, Self

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests.harness.canaries import hand_in_later, marker, register
from tests.harness.system import System

Fields = dict[str, object]
Era = Literal["auto", "legacy"]

ANSWER_S: Final = 30.0

WAYS: Final = ("http-auto", "http-legacy", "stdio-auto", "stdio-legacy")
"""Each transport in each era."""


class McpClient:
    """One client; a context manager. Calls return the structured content."""

    def __init__(self, *, era: Era = "auto", token: str | None, url: str) -> None:
        self._era: Era = era
        self._token = token
        self._url = url
        self._command: StdioServerParameters | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._leave: asyncio.Event | None = None
        self._client: Client | None = None
        self._living: Future[None] | None = None

    @classmethod
    def http(cls, system: System, *, era: Era = "auto") -> Self:
        """Return a client of *system* over HTTP, with its token."""
        return cls(era=era, token=system.token, url=system.url)

    @classmethod
    def stdio(
        cls, run_dir: str, *, era: Era = "auto", options: Sequence[str] = (), env: dict[str, str]
    ) -> Self:
        """Return a client that starts `strongroom stdio` by itself."""
        made = cls(era=era, token=None, url="")
        hand_in_later(Path(run_dir) / "strongroom.log")
        made._command = StdioServerParameters(
            command=sys.executable,
            args=["-P", "-m", "console", "stdio", "--run-dir", run_dir, *options],
            env=env,
        )
        return made

    def __enter__(self) -> Self:
        self._thread.start()
        ready: Future[None] = Future()
        self._living = asyncio.run_coroutine_threadsafe(self._live(ready), self._loop)
        ready.result(ANSWER_S)
        return self

    def __exit__(self, *exception: object) -> None:
        self.leave()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_S)
        self._loop.close()

    def leave(self) -> None:
        """Close the client, whatever it still waits for."""
        if self._leave is not None and self._living is not None:
            self._loop.call_soon_threadsafe(self._leave.set)
            # Not its result: a client whose server was killed says so in its own words.
            self._living.exception(ANSWER_S)

    async def _live(self, ready: Future[None]) -> None:
        """Keep the client open: it must be closed by the task that opened it."""
        self._leave = asyncio.Event()
        try:
            if self._command is not None:
                async with Client(stdio_client(self._command), mode=self._era) as client:
                    await self._serve(client, ready)
            else:
                headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
                async with (
                    httpx2.AsyncClient(headers=headers, timeout=ANSWER_S, trust_env=False) as http,
                    Client(
                        streamable_http_client(self._url, http_client=http), mode=self._era
                    ) as client,
                ):
                    await self._serve(client, ready)
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    async def _serve(self, client: Client, ready: Future[None]) -> None:
        assert self._leave is not None
        self._client = client
        ready.set_result(None)
        await self._leave.wait()

    @property
    def version(self) -> str:
        """Return the protocol version that was agreed."""
        assert self._client is not None
        return str(self._client.protocol_version)

    def tools(self) -> dict[str, object]:
        """Return the tools by name."""

        async def listed() -> dict[str, object]:
            assert self._client is not None
            return {tool.name: tool for tool in (await self._client.list_tools()).tools}

        return asyncio.run_coroutine_threadsafe(listed(), self._loop).result(ANSWER_S)

    def begin(self, tool: str, arguments: Fields) -> Future[Fields]:
        """Start a call; cancelling the future makes the client walk away from it."""

        async def called() -> Fields:
            assert self._client is not None
            result = await self._client.call_tool(tool, arguments)
            content = result.structured_content
            assert isinstance(content, dict), result
            assert result.is_error is (content["success"] is False), result
            return content

        return asyncio.run_coroutine_threadsafe(called(), self._loop)

    def call(self, tool: str, **arguments: object) -> Fields:
        """Call a tool and return its structured content."""
        return self.begin(tool, arguments).result(ANSWER_S)

    def connect(self, name: str) -> str:
        """Return a fresh connection id."""
        answer = self.call("connect_named_storage", connection_name=name)
        assert answer["success"] is True, answer
        connection_id = str(answer["connection_id"])
        register("a connection id", connection_id)
        return connection_id

    def execute(self, connection_id: str, query: str, **params: object) -> Fields:
        """Run one statement."""
        extra: Fields = {"params": params} if params else {}
        return self.call("execute_query", connection_id=connection_id, query=marked(query), **extra)

    def begin_execute(self, connection_id: str, query: str) -> Future[Fields]:
        """Start one statement."""
        return self.begin("execute_query", {"connection_id": connection_id, "query": marked(query)})


def marked(query: str) -> str:
    """Return the statement with a comment that no log may hold."""
    return f"{query} /* {statement_marker()} */"


@cache
def statement_marker() -> str:
    """Return what every statement of this process carries."""
    return marker("a statement's text")


def open_client(system: System, way: str) -> McpClient:
    """Return a client of *system*: `http` or `stdio`, a dash, and the era."""
    transport, name = way.split("-")
    era: Era = "legacy" if name == "legacy" else "auto"
    if transport == "http":
        return McpClient.http(system, era=era)
    return McpClient.stdio(str(system.run_dir), era=era, env=system.environment())


def fault_of(answer: Fields) -> Fields:
    """Return the fault of a failed call."""
    assert answer["success"] is False, answer
    fault = answer["fault"]
    assert isinstance(fault, dict)
    return fault
