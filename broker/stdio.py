"""MCP over one client's two descriptors, both eras, through the SDK's server.

The SDK decides the era, keeps its rules, and cancels on `notifications/cancelled`. Its own stdio
transport is not used: it needs a thread for each line and drops what is not JSON without a word.
Results are written as they came, with what the SDK adds to them.
"""

from typing import Final, TypeAlias

import anyio
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.server.lowlevel import Server
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp.types import (
    INVALID_REQUEST,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)
from msgspec import UNSET

from broker.envelope import (
    NO_OBJECT,
    TOOLS_CALL,
    Envelope,
    MalformedEnvelopeError,
    read_envelope,
    without_arguments,
)
from broker.plain_errors import without_quotes
from broker.replies import rpc_error, spliced_result
from broker.sdk import SPLICE, Carried, Splices
from broker.sealing import Sealed, Sealing
from broker.streams import LINE_MAX_BYTES, LineReader, LineTooLongError, LineWriter
from broker.unanswered import Unanswered
from broker.wiped import Wiped, wipe
from wire.names import Principal

_OURS: Final = frozenset({"content", "structuredContent", "isError"})

_Params: TypeAlias = dict[str, object] | None
_decode: Final[msgspec.json.Decoder[_Params]] = msgspec.json.Decoder(_Params)


async def serve_stdio(
    server: Server[object],
    *,
    incoming: int,
    outgoing: int,
    principal: Principal,
    sealing: Sealing,
) -> None:
    """Serve the client on two descriptors until it closes its end; cancel what still runs then."""
    client = _Client(LineReader(incoming), LineWriter(outgoing), principal, sealing)
    to_server, from_client = anyio.create_memory_object_stream[SessionMessage | Exception]()
    to_client, from_server = anyio.create_memory_object_stream[SessionMessage]()
    async with anyio.create_task_group() as group:
        group.start_soon(client.read_all, to_server)
        group.start_soon(client.write_all, from_server)
        await server.run(from_client, to_client, server.create_initialization_options())
        group.cancel_scope.cancel()


class _Client:
    """One client: its lines become messages, and messages become its lines."""

    def __init__(
        self, reader: LineReader, writer: LineWriter, principal: Principal, sealing: Sealing
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._principal = principal
        self._sealing = sealing
        self._splices = Splices()
        self._unanswered = Unanswered()

    async def read_all(self, server: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        """Pass on the client's messages, until the end of them."""
        async with server:
            try:
                while (line := await self._next_line()) is not None:
                    if line and not line.isspace():
                        await self._pass_on(line, server)
                        # Not even a cancellation is heard while there is no room: the client has
                        # answers to read first.
                        await self._unanswered.room()
            except (BrokenPipeError, anyio.BrokenResourceError):
                # Nobody is there any more to answer, or the server has ended.
                return

    async def _next_line(self) -> Wiped | None:
        while True:
            try:
                return await self._reader.read()
            except LineTooLongError:
                sentence = f"A message must not be longer than {LINE_MAX_BYTES} bytes"
                await self._writer.write(rpc_error(None, INVALID_REQUEST, sentence))

    async def _pass_on(
        self, line: Wiped, server: MemoryObjectSendStream[SessionMessage | Exception]
    ) -> None:
        message = self._read(line)
        # It is not needed any more, and whoever waits for the next one still has it.
        with memoryview(line) as view:
            wipe(view)
        if isinstance(message, bytes):
            await self._writer.write(message)
        else:
            await server.send(message)

    def _read(self, line: Wiped) -> SessionMessage | bytes:
        """Return the message in *line*, or the answer to what is none."""
        password = self._sealing.take_password(line, self._principal)
        try:
            return self._message(read_envelope(line), password, len(line))
        except MalformedEnvelopeError as error:
            return rpc_error(None, error.code, error.sentence)

    def _message(self, envelope: Envelope, password: Sealed, size_bytes: int) -> SessionMessage:
        params, arguments = bytes(envelope.params), b"{}"
        if envelope.method == TOOLS_CALL:
            params, arguments = without_arguments(envelope)
        carried = Carried(self._principal, arguments, password, self._splices)
        model = _model(envelope, params)

        async def never_answered() -> None:
            self._settle(model)

        if isinstance(model, JSONRPCRequest):
            self._unanswered.add(model.id, size_bytes)
        return SessionMessage(
            model,
            metadata=ServerMessageMetadata(
                request_context=carried, on_request_unanswered=never_answered
            ),
        )

    def _settle(self, message: JSONRPCMessage) -> None:
        if not isinstance(message, JSONRPCNotification) and message.id is not None:
            self._unanswered.settle(message.id)

    async def write_all(self, server: MemoryObjectReceiveStream[SessionMessage]) -> None:
        """Write the server's messages, until it ends or nobody reads them."""
        async with server:
            try:
                async for message in server:
                    await self._writer.write(self._line(message.message))
                    self._settle(message.message)
            except BrokenPipeError:
                return
            finally:
                self._unanswered.give_up()

    def _line(self, message: JSONRPCMessage) -> bytes:
        if isinstance(message, JSONRPCResponse):
            result = self._splices.take(message.result)
            if result is not None:
                return spliced_result(message.id, result, _rest(message.result))
        if isinstance(message, JSONRPCError):
            message.error = without_quotes(message.error)
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode()


def _model(envelope: Envelope, params: bytes) -> JSONRPCRequest | JSONRPCNotification:
    """Return the SDK's model of a message that has been checked already."""
    fields = _read_params(params)
    if envelope.id is UNSET:
        return JSONRPCNotification(jsonrpc="2.0", method=envelope.method, params=fields)
    return JSONRPCRequest(jsonrpc="2.0", id=envelope.id, method=envelope.method, params=fields)


def _read_params(params: bytes) -> _Params:
    try:
        return _decode.decode(params)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedEnvelopeError(INVALID_REQUEST, NO_OBJECT) from None


def _rest(placeholder: dict[str, object]) -> dict[str, object]:
    """Return what the SDK added to a placeholder."""
    rest = {name: value for name, value in placeholder.items() if name not in _OURS}
    meta = rest.pop("_meta", None)
    added = (
        {name: value for name, value in meta.items() if name != SPLICE}
        if isinstance(meta, dict)
        else {}
    )
    return {**rest, "_meta": added} if added else rest
