"""From a tool call's arguments to a statement that may be sent; pure."""

from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from executor import guard
from executor.lexer import COMMENTS_MAX
from executor.parameters import Bound, bind, values
from wire.faults import Fault, FaultCode, RefusedError


class Arguments(Struct, frozen=True):
    """What matters here of the arguments of execute_query; the gateway has refused unknown ones."""

    query: str
    params: dict[str, Raw] | None = None


class Statement(NamedTuple):
    """One statement with its parameters' values."""

    bound: Bound
    values: list[bytes | None]


_decode = msgspec.json.Decoder(Arguments).decode


def read_statement(payload: bytes, *, max_bytes: int) -> Statement:
    """Return the statement in *payload*; raise RefusedError for one that may not run."""
    try:
        arguments = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedError(Fault(code=FaultCode.INVALID_ARGUMENTS)) from None
    fault = _unsendable(arguments.query, max_bytes) or guard.refuse(arguments.query)
    if fault is not None:
        raise RefusedError(fault)
    bound = bind(arguments.query)
    return Statement(bound, values(bound, arguments.params or {}))


def _unsendable(query: str, max_bytes: int) -> Fault | None:
    if len(query.encode()) > max_bytes:
        sentence = f"The statement is longer than {max_bytes} bytes"
    elif "\0" in query:
        sentence = "The statement has a NUL character"
    elif query.count("/*") > COMMENTS_MAX:
        sentence = f"The statement has more than {COMMENTS_MAX} comments"
    else:
        return None
    return Fault(code=FaultCode.INVALID_ARGUMENTS, message=sentence)
