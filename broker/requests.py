"""One HTTP request of a client: its headers made plain, its body within the limit.

Header names come in lower case from the server; values lose the white space around them, which
httptools leaves in place.
"""

import contextlib
from typing import Final, NamedTuple

from starlette.types import Receive, Scope

from broker.body import Body
from broker.wiped import Wiped

BODY_MAX_BYTES: Final = 4 << 20

_DECISIVE: Final = frozenset(
    {b"host", b"origin", b"authorization", b"content-type", b"content-length"}
)
_VERSION: Final = b"mcp-protocol-version"
_ROUTING: Final = frozenset({_VERSION, b"mcp-method", b"mcp-name"})
_JSON: Final = "application/json"
_SSE: Final = "text/event-stream"
_USUAL_ACCEPT: Final = b"application/json, text/event-stream"


class RepeatedHeaderError(ValueError):
    """A header that decides who asks or what is there twice: readers could differ on it."""


class BodyTooLargeError(ValueError):
    """The body is larger than the limit."""


class ClientGoneError(ConnectionError):
    """The client left before its request was whole."""


class Headers(NamedTuple):
    """The headers of one request: all of them in order, and each by its name."""

    raw: list[tuple[bytes, bytes]]
    by_name: dict[bytes, bytes]
    routing_repeated: bool
    """A routing header is there twice; the SDK has the words for that."""

    def is_json(self) -> bool:
        """Tell whether the body says that it is JSON."""
        kind = self.by_name.get(b"content-type", b"")
        return kind.partition(b";")[0].strip().lower() == _JSON.encode()

    def versions(self) -> list[str]:
        """Return what the protocol's version is said to be; more than once is one time too many."""
        return [value.decode("latin-1") for name, value in self.raw if name == _VERSION]

    def accepts_both(self) -> bool:
        """Tell whether JSON and an event stream are both welcome, as every client must say."""
        accept = self.by_name.get(b"accept", b"")
        if accept == _USUAL_ACCEPT:
            return True
        kinds = {kind.split(";")[0].strip().lower() for kind in accept.decode("latin-1").split(",")}
        if "*/*" in kinds:
            return True
        return not kinds.isdisjoint({_JSON, "application/*"}) and not kinds.isdisjoint(
            {_SSE, "text/*"}
        )


def read_headers(scope: Scope) -> Headers:
    """Return the headers of the request in *scope*; raise RepeatedHeaderError."""
    raw = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
    by_name = dict(raw)
    if len(by_name) == len(raw):
        return Headers(raw, by_name, routing_repeated=False)
    names = [name for name, _ in raw]
    repeated = {name for name in by_name if names.count(name) > 1}
    if not repeated.isdisjoint(_DECISIVE):
        raise RepeatedHeaderError
    return Headers(raw, by_name, routing_repeated=not repeated.isdisjoint(_ROUTING))


async def read_body(receive: Receive, headers: Headers, body: Body) -> Wiped:
    """Return the whole of *body*; raise BodyTooLargeError as soon as that is known.

    Raises ClientGoneError when the client leaves before the end of it.
    """
    announced = headers.by_name.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > BODY_MAX_BYTES:
        raise BodyTooLargeError
    more = True
    try:
        while more:
            more = await _more_of(receive, body)
            if body.size_bytes > BODY_MAX_BYTES:
                raise BodyTooLargeError
        return body.take()
    finally:
        body.drop()


async def discard_body(receive: Receive, body: Body) -> None:
    """Let the rest of a request come in, or its client go."""
    with contextlib.suppress(ClientGoneError):
        while await _more_of(receive, body):
            body.drop()
    body.drop()


async def _more_of(receive: Receive, body: Body) -> bool:
    """Wait until something has come; return whether there is more to come."""
    message = await receive()
    if message["type"] != "http.request":
        raise ClientGoneError
    body.heed()
    more: bool = message.get("more_body", False)
    return more
