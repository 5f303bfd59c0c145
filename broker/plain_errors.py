"""JSON-RPC errors that quote nothing of what a client sent, whatever the SDK would say.

What goes wrong while a request is served passes `in_our_words`, on both transports. What the SDK
refuses before that has sentences of its own that are always the same, and at most one thing to
quote: the protocol version that was asked for. The protocol wants it there (MCP 2026-07-28,
versioning), so a date is let through, and nothing else.
"""

import re
from typing import Final

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, ErrorData
from pydantic import ValidationError

from wire.liblogs import place_of
from wire.logs import Log

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SENTENCES: Final = {
    METHOD_NOT_FOUND: "There is no method of that name",
    INVALID_PARAMS: "The parameters are not what the method takes",
}
_OTHERWISE: Final = "The request could not be served"


class InOurWordsError(MCPError):
    """An error that quotes nothing."""


async def in_our_words(
    log: Log, ctx: ServerRequestContext[object], call_next: CallNext
) -> HandlerResult:
    """Serve a request; raise nothing but InOurWordsError."""
    try:
        return await call_next(ctx)
    except InOurWordsError:
        raise
    except MCPError as error:
        raise _said(error.code) from None
    except ValidationError:
        raise _said(INVALID_PARAMS) from None
    except Exception as error:  # noqa: BLE001 - the edge: the SDK would quote a bug of ours
        kind, place = type(error).__name__, place_of(error.__traceback__)
        log.error("request_failed", kind=kind, place=place)  # noqa: TRY400 - it takes no traceback
        raise _said(INTERNAL_ERROR) from None


def without_quotes(error: ErrorData) -> ErrorData:
    """Return an error of the SDK's with nothing but a date left of what its client sent."""
    data = error.data
    if not isinstance(data, dict) or not isinstance(data.get("supported"), list):
        return ErrorData(code=error.code, message=error.message)
    requested = data.get("requested")
    asked = requested if isinstance(requested, str) and is_date(requested) else ""
    return ErrorData(
        code=error.code,
        message=error.message,
        data={"supported": data["supported"], "requested": asked},
    )


def is_date(version: str) -> bool:
    """Tell whether *version* looks like a version of the protocol."""
    return _DATE.fullmatch(version) is not None


def _said(code: int) -> InOurWordsError:
    return InOurWordsError(code=code, message=_SENTENCES.get(code, _OTHERWISE))
