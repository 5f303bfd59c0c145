"""From a tool call's arguments to a statement that may be sent; pure."""

from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from executor import guard
from executor.parameters import Bound, ParametersError, bind, values
from wire.faults import Fault, FaultCode


class Arguments(Struct, frozen=True):
    """What matters here of the arguments of execute_query; the gateway has refused unknown ones."""

    query: str
    params: dict[str, Raw] | None = None


class StatementRefusedError(ValueError):
    """The statement is not sent; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.sentence)
        self.fault = fault


class Statement(NamedTuple):
    """One statement with its parameters' values."""

    bound: Bound
    values: list[bytes | None]


_decode = msgspec.json.Decoder(Arguments).decode


def read_statement(payload: bytes, *, max_bytes: int) -> Statement:
    """Return the statement in *payload*; raise StatementRefusedError for one that may not run."""
    try:
        arguments = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise StatementRefusedError(Fault(code=FaultCode.INVALID_ARGUMENTS)) from None
    fault = _unsendable(arguments.query, max_bytes) or guard.refuse(arguments.query)
    if fault is not None:
        raise StatementRefusedError(fault)
    bound = bind(arguments.query)
    try:
        return Statement(bound, values(bound, arguments.params or {}))
    except ParametersError as error:
        raise StatementRefusedError(error.fault) from None


def _unsendable(query: str, max_bytes: int) -> Fault | None:
    if len(query.encode()) > max_bytes:
        sentence = f"The statement is longer than {max_bytes} bytes"
    elif "\0" in query:
        sentence = "The statement has a NUL character"
    else:
        return None
    return Fault(code=FaultCode.INVALID_ARGUMENTS, message=sentence)
