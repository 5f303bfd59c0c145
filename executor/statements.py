"""From a tool call's arguments to a statement that may be sent; pure."""

from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from executor import guard
from executor.dialects import Dialect
from executor.lexer import COMMENTS_MAX
from executor.parameters import Bound, Value, bind, values
from wire.faults import Fault, FaultCode, RefusedError
from wire.names import STATEMENT_MAX_BYTES


class Arguments(Struct, frozen=True):
    """What matters here of the arguments of execute_query; the gateway has refused unknown ones."""

    query: str
    params: dict[str, Raw] | None = None


class Asked(NamedTuple):
    """One statement, and the parameters as the client wrote them."""

    bound: Bound
    given: dict[str, Raw]


class Statement(NamedTuple):
    """One statement with its parameters' values."""

    bound: Bound
    values: list[Value]


_decode = msgspec.json.Decoder(Arguments).decode


def read_statement(payload: bytes, *, dialect: Dialect, read_only: bool) -> Statement:
    """Return the statement in *payload*, with values for PostgreSQL; raise as `read_asked` does."""
    asked = read_asked(payload, dialect=dialect, read_only=read_only)
    return Statement(asked.bound, values(asked.bound, asked.given))


def read_asked(payload: bytes, *, dialect: Dialect, read_only: bool) -> Asked:
    """Return what *payload* asks for; raise RefusedError for a statement that may not run."""
    try:
        arguments = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedError(Fault(code=FaultCode.INVALID_ARGUMENTS)) from None
    fault = _unsendable(arguments.query) or guard.refuse(
        arguments.query, dialect=dialect, read_only=read_only
    )
    if fault is not None:
        raise RefusedError(fault)
    return Asked(bind(arguments.query, dialect), arguments.params or {})


def _unsendable(query: str) -> Fault | None:
    if len(query.encode()) > STATEMENT_MAX_BYTES:
        sentence = f"The statement is longer than {STATEMENT_MAX_BYTES} bytes"
    elif "\0" in query:
        sentence = "The statement has a NUL character"
    elif query.count("/*") > COMMENTS_MAX:
        sentence = f"The statement has more than {COMMENTS_MAX} comments"
    else:
        return None
    return Fault(code=FaultCode.INVALID_ARGUMENTS, message=sentence)
