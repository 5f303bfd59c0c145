"""What the bytes of one JSON-RPC message are: malformed, a tool call, or anything else.

Decoded once, by declaration; no socket, no SDK. A tool call's arguments stay the client's own
bytes and are cut out of what the SDK gets to see: its models keep and quote what they validate.
"""

from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

import msgspec
from mcp.types import INVALID_REQUEST, PARSE_ERROR
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

MODERN: Final = "2026-07-28"
TOOLS_CALL: Final = "tools/call"
NO_OBJECT: Final = "params must be a JSON object"

MessageId: TypeAlias = int | Annotated[str, Meta(max_length=256)]
_Object: TypeAlias = dict[str, Raw]
_Objects: TypeAlias = dict[str, _Object]

_encode: Final = msgspec.json.Encoder().encode


class MalformedEnvelopeError(ValueError):
    """The bytes are not one JSON-RPC request or notification."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Envelope(Struct, frozen=True):
    """One JSON-RPC 2.0 request, or a notification where there is no id."""

    jsonrpc: Literal["2.0"]
    method: str
    id: MessageId | UnsetType = UNSET
    params: Raw = Raw(b"{}")


class _Elicitation(Struct, frozen=True):
    form: _Object | None = None
    url: _Object | None = None


class _Capabilities(Struct, frozen=True):
    """ClientCapabilities of 2026-07-28, as far as a wrong one would be refused."""

    elicitation: _Elicitation | None = None
    experimental: _Objects | None = None
    extensions: _Objects | None = None
    roots: _Object | None = None
    sampling: _Objects | None = None


class _ClientInfo(Struct, frozen=True):
    name: str
    version: str
    title: str | None = None
    description: str | None = None
    websiteUrl: str | None = None  # noqa: N815 - the protocol's name
    icons: None = None


class _ModernMeta(Struct, frozen=True):
    version: Literal["2026-07-28"] = field(name="io.modelcontextprotocol/protocolVersion")
    capabilities: _Capabilities = field(name="io.modelcontextprotocol/clientCapabilities")
    client: _ClientInfo | None = field(name="io.modelcontextprotocol/clientInfo", default=None)
    log_level: None = field(name="io.modelcontextprotocol/logLevel", default=None)
    progressToken: int | str | None = None  # noqa: N815 - the protocol's name


class _LegacyMeta(Struct, frozen=True):
    # The envelope of the other era makes no legacy request: the SDK says what is wrong with it.
    version: None = field(name="io.modelcontextprotocol/protocolVersion", default=None)
    progressToken: int | str | None = None  # noqa: N815 - the protocol's name


class _ModernCall(Struct, frozen=True, forbid_unknown_fields=True):
    """`params` of tools/call in 2026-07-28, without the parts of a multi-round-trip request."""

    name: str
    meta: _ModernMeta = field(name="_meta")
    arguments: Raw = Raw(b"{}")


class _LegacyCall(Struct, frozen=True, forbid_unknown_fields=True):
    """`params` of tools/call in 2025-06-18 and 2025-11-25, without a task."""

    name: str
    meta: _LegacyMeta | None = field(name="_meta", default=None)
    arguments: Raw = Raw(b"{}")


class PlainCall(NamedTuple):
    """A tool call that is understood in every respect."""

    id: MessageId
    name: str
    arguments: bytes
    is_modern: bool


_envelope: Final[msgspec.json.Decoder[Envelope]] = msgspec.json.Decoder(Envelope)
_modern: Final[msgspec.json.Decoder[_ModernCall]] = msgspec.json.Decoder(_ModernCall)
_legacy: Final[msgspec.json.Decoder[_LegacyCall]] = msgspec.json.Decoder(_LegacyCall)
_fields: Final[msgspec.json.Decoder[_Object | None]] = msgspec.json.Decoder(_Object | None)


def read_envelope(body: bytes | bytearray) -> Envelope:
    """Return the message in *body*; raise MalformedEnvelopeError for anything else."""
    try:
        envelope = _envelope.decode(body)
    except msgspec.ValidationError:
        raise MalformedEnvelopeError(
            INVALID_REQUEST, "The message must be a single JSON-RPC 2.0 request or notification"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedEnvelopeError(PARSE_ERROR, "The message is not JSON") from None
    if not bytes(envelope.params).startswith((b"{", b"null")):
        raise MalformedEnvelopeError(INVALID_REQUEST, NO_OBJECT)
    return envelope


def read_call(envelope: Envelope, *, modern: bool) -> PlainCall | None:
    """Return the plain tool call in *envelope*, or None where the SDK has to look at it."""
    if envelope.method != TOOLS_CALL or envelope.id is UNSET:
        return None
    decoder: msgspec.json.Decoder[_ModernCall] | msgspec.json.Decoder[_LegacyCall]
    decoder = _modern if modern else _legacy
    try:
        call = decoder.decode(envelope.params)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    arguments = bytes(call.arguments)
    if not arguments.startswith(b"{"):
        return None
    return PlainCall(envelope.id, call.name, arguments, is_modern=modern)


def without_arguments(envelope: Envelope) -> tuple[bytes, bytes]:
    """Return the envelope's `params` with empty arguments, and the arguments.

    Arguments that are not an object are replaced by nothing but their kind, so that whoever looks
    at them refuses them as before; `params` that are null are none. Raises MalformedEnvelopeError.
    """
    params = _read_fields(envelope.params)
    arguments = bytes(params.get("arguments", Raw(b"{}")))
    if "arguments" in params and not arguments.startswith((b"{", b"null")):
        params["arguments"] = Raw(b"0")
        return _encode(params), b"{}"
    params["arguments"] = Raw(b"{}")
    return _encode(params), b"{}" if arguments == b"null" else arguments


def _read_fields(params: Raw) -> _Object:
    try:
        return _fields.decode(params) or {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedEnvelopeError(INVALID_REQUEST, NO_OBJECT) from None


def with_params(envelope: Envelope, params: bytes) -> bytes:
    """Return the bytes of *envelope* with other *params*."""
    return _encode(msgspec.structs.replace(envelope, params=Raw(params)))
