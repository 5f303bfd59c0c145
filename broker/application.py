"""The ASGI application: lets requests in, answers plain tool calls, leaves the rest to the SDK.

A tool call that is plain in every respect, of either era, gets the bytes that came from the
executor plus the JSON-RPC frame; no JSON model sees them. Everything else is replayed into the
SDK's application, whose answers to the plain calls would be equal (a test compares them). Both get
here by one set of rules. What is not JSON-RPC at all ends here too, because the SDK quotes it.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from mcp.types import INVALID_REQUEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.body import BODY
from broker.envelope import (
    MODERN,
    TOOLS_CALL,
    Envelope,
    MalformedEnvelopeError,
    PlainCall,
    read_call,
    read_envelope,
    with_params,
    without_arguments,
)
from broker.http_connection import CONNECTION, LimitedProtocol
from broker.identity import Door, Refusal
from broker.plain_errors import is_date
from broker.replies import call_result, rpc_error
from broker.requests import (
    BodyTooLargeError,
    ClientGoneError,
    Headers,
    RepeatedHeaderError,
    discard_body,
    read_body,
    read_headers,
)
from broker.sdk import CARRIED, Carried
from broker.sealing import Sealed, Sealing
from broker.tools import TOOLS, Tools
from broker.watch import DisconnectWatch
from broker.wiped import Wiped
from wire.names import Principal

PATH: Final = "/mcp"

_LEGACY: Final = frozenset({b"2025-06-18", b"2025-11-25"})
_CLOSE: Final = (b"connection", b"close")

_LINGER_S: Final = 1.0
"""For what a stranger is still sending, so that its reset does not overtake the refusal."""

Fields: TypeAlias = Sequence[tuple[bytes, bytes]]


class Incoming(NamedTuple):
    """A request that was let in."""

    headers: Headers
    body: Wiped
    envelope: Envelope
    caller: Principal
    password: Sealed
    """Cut out of the body, if it had one."""


class Application:
    """The gateway's whole HTTP side."""

    def __init__(self, sdk: ASGIApp, *, tools: Tools, door: Door, sealing: Sealing) -> None:
        self._sdk = sdk
        self._tools = tools
        self._door = door
        self._sealing = sealing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            await self._serve(scope, receive, send)
        except ClientGoneError:
            return
        except MalformedEnvelopeError as error:
            await _send(send, 400, rpc_error(None, error.code, error.sentence))
        finally:
            # What was refused unread must not lie about for as long as the connection stays open.
            scope["state"][BODY].drop()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = await self._let_in(scope, receive)
        if isinstance(incoming, Refusal):
            await _refuse(scope, receive, send, incoming)
            return
        call = _plain_call(incoming)
        if call is None:
            await self._replay(incoming, scope, receive, send)
        else:
            await self._answer(call, incoming, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive) -> Incoming | Refusal:
        """Return the request, or why it is refused.

        Raises ClientGoneError, and MalformedEnvelopeError where it is no JSON-RPC.
        """
        try:
            headers = read_headers(scope)
        except RepeatedHeaderError:
            return _to_stranger(Refusal(400, "A header is there more than once"))
        caller = self._admit(scope, headers)
        if isinstance(caller, Refusal):
            return caller
        try:
            body = await read_body(receive, headers, scope["state"][BODY])
        except BodyTooLargeError:
            return Refusal(413, "The request is larger than 4 MiB")
        password = self._sealing.take_password(body, caller)
        return Incoming(headers, body, read_envelope(body), caller, password)

    def _admit(self, scope: Scope, headers: Headers) -> Principal | Refusal:
        """Return who asks, or the first rule that the request breaks."""
        caller = self._door.admit(headers.by_name)
        if isinstance(caller, Refusal):
            return _to_stranger(caller)
        connection: LimitedProtocol = scope["state"][CONNECTION]
        connection.admitted()
        if scope["path"] != PATH:
            return Refusal(404, f"There is nothing here; the MCP endpoint is {PATH}")
        if scope["method"] != "POST":
            # Without sessions there is no stream to open with GET, and none to end with DELETE.
            return Refusal(405, "The MCP endpoint takes POST", ((b"allow", b"POST"),))
        if not headers.is_json() or b"content-encoding" in headers.by_name:
            return Refusal(415, "The body must be plain application/json")
        if not all(map(is_date, headers.versions())):
            # Refused here, because the SDK quotes what it does not know.
            return Refusal(400, "The MCP-Protocol-Version header must be a date")
        return caller

    async def _answer(
        self, call: PlainCall, incoming: Incoming, receive: Receive, send: Send
    ) -> None:
        body = await self._called(call, incoming, receive)
        if body is not None:
            await _send(send, 200, body)

    async def _called(self, call: PlainCall, incoming: Incoming, receive: Receive) -> bytes | None:
        """Return the answer, or None where there is nobody left to answer."""
        watch = DisconnectWatch(receive)
        try:
            result = await self._tools.call(
                call.name, call.arguments, incoming.caller, incoming.password
            )
        except asyncio.CancelledError:
            if not watch.gone:
                raise
            # Cancelled by nobody but the watch.
            watch.absolve()
            return None
        finally:
            watch.stop()
        return call_result(call.id, result, modern=call.is_modern)

    async def _replay(self, incoming: Incoming, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the request to the SDK, without the arguments of a tool call."""
        if incoming.envelope.method == TOOLS_CALL:
            params, arguments = without_arguments(incoming.envelope)
            body = with_params(incoming.envelope, params)
        else:
            body, arguments = bytes(incoming.body), b"{}"
        first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replayed() -> Message:
            return first.pop() if first else await receive()

        fields = [field for field in incoming.headers.raw if field[0] != b"content-length"]
        carried = Carried(incoming.caller, arguments, incoming.password)
        inner = {**scope, "headers": fields, CARRIED: carried}
        await self._sdk(inner, replayed, send)


def _plain_call(incoming: Incoming) -> PlainCall | None:
    """Return the tool call that is understood in every respect, or None."""
    headers = incoming.headers
    version = headers.by_name.get(b"mcp-protocol-version")
    modern = version == MODERN.encode()
    if headers.routing_repeated or not (modern or version in _LEGACY):
        return None
    call = read_call(incoming.envelope, modern=modern)
    if call is None or call.name not in TOOLS or not headers.accepts_both():
        return None
    if modern and (
        headers.by_name.get(b"mcp-method") != TOOLS_CALL.encode()
        or headers.by_name.get(b"mcp-name") != call.name.encode()
    ):
        return None
    return call


def _to_stranger(refusal: Refusal) -> Refusal:
    """End the connection with the refusal: its place is for those who may come in."""
    return refusal._replace(headers=(*refusal.headers, _CLOSE))


async def _refuse(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    body = rpc_error(None, INVALID_REQUEST, refusal.sentence)
    if _CLOSE not in refusal.headers:
        await _send(send, refusal.status, body, refusal.headers)
        return
    await _send(send, refusal.status, body, refusal.headers, more=True)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            await discard_body(receive, scope["state"][BODY])
    await send({"type": "http.response.body", "body": b""})


async def _send(
    send: Send, status: int, body: bytes, headers: Fields = (), *, more: bool = False
) -> None:
    fields = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": more})
