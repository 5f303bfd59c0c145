"""The SDK's low-level server with our tools: all that is not a plain tool call over HTTP.

The SDK never sees the arguments of a call: its models keep and quote what they validate. They
travel beside the message as `Carried`, in an HTTP request's scope or as a stdio message's context.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

import msgspec
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    ListToolsResult,
    PaginatedRequestParams,
)
from starlette.requests import Request

from broker.catalogue import INSTRUCTIONS, tools
from broker.plain_errors import InOurWordsError, in_our_words
from broker.replies import SERVER_NAME, SERVER_TITLE, SERVER_VERSION
from broker.requests import BODY_MAX_BYTES
from broker.sealing import Sealed
from broker.tools import TOOLS, Tools
from wire.logs import Log
from wire.names import Principal

CARRIED: Final = "strongroom.carried"
"""Where an HTTP request's scope has its `Carried`."""

SPLICE: Final = "strongroom/splice"
"""The key in a placeholder result's `_meta` under which `Splices` has the real one."""

Context: TypeAlias = ServerRequestContext[object]
Result: TypeAlias = dict[str, object]

RESULTS_MAX: Final = 8
"""Tool calls of one client at once whose results would be held; a client that does not read them
holds no more than that."""


class Splices:
    """Finished results that a transport writes itself, each to be taken once."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(RESULTS_MAX)
        self._results: dict[int, bytes] = {}
        self._numbers = itertools.count(1)

    async def hold(self, call: Callable[[], Awaitable[bytes]]) -> Result:
        """Make the call when there is a place for its result; return what stands for that."""
        await self._places.acquire()
        try:
            return self._leave(await call())
        except BaseException:
            self._places.release()
            raise

    def _leave(self, result: bytes) -> Result:
        number = next(self._numbers)
        self._results[number] = result
        return {"content": [], "resultType": "complete", "_meta": {SPLICE: number}}

    def take(self, placeholder: Mapping[str, object]) -> bytes | None:
        """Return the result that *placeholder* stands for, or None where it stands for itself."""
        meta = placeholder.get("_meta")
        number = meta.get(SPLICE) if isinstance(meta, dict) else None
        result = self._results.pop(number, None) if isinstance(number, int) else None
        if result is not None:
            self._places.release()
        return result


@dataclass(frozen=True, slots=True)
class Carried:
    """What goes with a request around the SDK."""

    principal: Principal
    arguments: bytes = field(repr=False)
    password: Sealed
    splices: Splices | None = None


def make_server(calls: Tools, log: Log) -> Server[object]:
    """Return the server with our tools, for HTTP and stdio, for both eras."""
    catalogue = tools()
    schemas = {tool.name: tool.input_schema for tool in catalogue}

    async def list_tools(_: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=catalogue)

    async def call_tool(context: Context, params: CallToolRequestParams) -> Result:
        if params.name not in TOOLS:
            raise InOurWordsError(code=INVALID_PARAMS, message="There is no tool of that name")
        carried = _carried(context.request)
        call = partial(
            calls.call, params.name, carried.arguments, carried.principal, carried.password
        )
        if carried.splices is not None:
            return await carried.splices.hold(call)
        return {**msgspec.json.decode(await call(), type=Result), "resultType": "complete"}

    server: Server[object] = Server(
        SERVER_NAME,
        version=SERVER_VERSION,
        title=SERVER_TITLE,
        instructions=INSTRUCTIONS,
        get_tool_input_schema=schemas.get,
        on_list_tools=list_tools,
    )
    server.add_request_handler("tools/call", CallToolRequestParams, call_tool)
    # Instead of tracing, which nobody listens to here.
    server.middleware[:] = [partial(in_our_words, log)]
    return server


def make_http(server: Server[object]) -> StreamableHTTPSessionManager:
    """Return the SDK's HTTP side: stateless in both eras, and checked by whoever calls it.

    Event streams stay on, because with plain JSON a client that leaves cancels nothing.
    """
    return StreamableHTTPSessionManager(
        server, json_response=False, stateless=True, max_request_body_size=BODY_MAX_BYTES
    )


def _carried(request: object) -> Carried:
    carried = request.scope.get(CARRIED) if isinstance(request, Request) else request
    if not isinstance(carried, Carried):
        raise InOurWordsError(code=INTERNAL_ERROR, message="The request came without its caller")
    return carried
