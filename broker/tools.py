"""Every tool: its arguments read, its request asked, its CallToolResult returned as bytes.

One table for all the ways in. A tool's schema and its words for people are in `catalogue.py`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol, TypeAlias

from broker.arguments import (
    CONNECT,
    CONNECT_DYNAMIC,
    EXECUTE,
    LEASE,
    NOTHING,
    check_statement,
)
from broker.sealing import Sealed
from wire.faults import Fault, FaultCode, RefusedError
from wire.liblogs import place_of
from wire.logs import Log
from wire.messages import (
    Connect,
    ConnectDynamic,
    ConnectionStatus,
    Disconnect,
    Execute,
    ListConnections,
    Request,
)
from wire.names import ConnectionId, Principal, RequestId
from wire.results import failure

_CONNECTION_ID: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


class Caller(NamedTuple):
    """Whose request it is, under which id, and how long it may take."""

    request_id: RequestId
    principal: Principal
    deadline_ms: int
    password: Sealed


class Question(NamedTuple):
    """What a tool call asks of the router."""

    message: Request
    payload: bytes = b""


Tool: TypeAlias = Callable[[bytes, Caller], Question]


class Router(Protocol):
    """What the tools need of the link to the router; `RouterLink` is one."""

    def new_request_id(self) -> RequestId:
        """Return an id that was never used before."""
        ...

    async def ask(self, message: Request, payload: bytes = b"", *, deadline_s: float) -> bytes:
        """Return the CallToolResult that answers *message*."""
        ...


class Tools:
    """Calls tools by name."""

    def __init__(self, router: Router, *, statement_ms: int, log: Log) -> None:
        self._router = router
        self._statement_ms = statement_ms
        self._log = log

    async def call(
        self, name: str, arguments: bytes, principal: Principal, password: Sealed
    ) -> bytes:
        """Return the CallToolResult of the tool *name*, which is one of `TOOLS`.

        *arguments* are the client's own JSON, without the *password* that was cut out of it;
        whatever is wrong with them is a result too.
        """
        try:
            return await self._ask(TOOLS[name], arguments, principal, password)
        except RefusedError as error:
            return failure(error.fault)
        except Exception as error:  # noqa: BLE001 - the edge: the SDK would quote a bug of ours
            kind, place = type(error).__name__, place_of(error.__traceback__)
            self._log.error("tool_call_failed", tool=name, kind=kind, place=place)
            return failure(Fault(code=FaultCode.INTERNAL))

    async def _ask(
        self, tool: Tool, arguments: bytes, principal: Principal, password: Sealed
    ) -> bytes:
        caller = Caller(self._router.new_request_id(), principal, self._statement_ms, password)
        question = tool(arguments, caller)
        return await self._router.ask(
            question.message, question.payload, deadline_s=self._statement_ms / 1000
        )


def _connect_named_storage(arguments: bytes, caller: Caller) -> Question:
    return Question(
        Connect(
            request_id=caller.request_id,
            principal=caller.principal,
            name=CONNECT.read(arguments).connection_name,
            deadline_ms=caller.deadline_ms,
        )
    )


def _execute_query(arguments: bytes, caller: Caller) -> Question:
    read = EXECUTE.read(arguments)
    check_statement(read.query)
    message = Execute(
        request_id=caller.request_id,
        principal=caller.principal,
        connection_id=_well_formed(read.connection_id),
        deadline_ms=caller.deadline_ms,
    )
    return Question(message, arguments)


def _disconnect_storage(arguments: bytes, caller: Caller) -> Question:
    return Question(
        Disconnect(
            request_id=caller.request_id,
            principal=caller.principal,
            connection_id=_well_formed(LEASE.read(arguments).connection_id),
            deadline_ms=caller.deadline_ms,
        )
    )


def _connection_status(arguments: bytes, caller: Caller) -> Question:
    return Question(
        ConnectionStatus(
            request_id=caller.request_id,
            principal=caller.principal,
            connection_id=_well_formed(LEASE.read(arguments).connection_id),
            deadline_ms=caller.deadline_ms,
        )
    )


def _list_connections(arguments: bytes, caller: Caller) -> Question:
    NOTHING.read(arguments)
    return Question(
        ListConnections(
            request_id=caller.request_id,
            principal=caller.principal,
            deadline_ms=caller.deadline_ms,
        )
    )


def _connect_storage(arguments: bytes, caller: Caller) -> Question:
    destination = CONNECT_DYNAMIC.read(arguments).destination()
    if isinstance(caller.password, Fault):
        raise RefusedError(caller.password)
    return Question(
        ConnectDynamic(
            request_id=caller.request_id,
            principal=caller.principal,
            destination=destination,
            sealed=caller.password,
            deadline_ms=caller.deadline_ms,
        )
    )


def _well_formed(connection_id: ConnectionId) -> ConnectionId:
    """Give an id that no lease can have the same answer as one that never was."""
    if _CONNECTION_ID.fullmatch(connection_id) is None:
        raise RefusedError(Fault(code=FaultCode.INVALID_CONNECTION))
    return connection_id


TOOLS: Final[Mapping[str, Tool]] = {
    "list_connections": _list_connections,
    "connect_named_storage": _connect_named_storage,
    "execute_query": _execute_query,
    "connection_status": _connection_status,
    "disconnect_storage": _disconnect_storage,
    "connect_storage": _connect_storage,
}
