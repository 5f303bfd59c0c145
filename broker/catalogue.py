"""The tools as clients see them: names, words, JSON schemas, annotations.

A schema describes what is really checked and returned. Every result is one of two objects, told
apart by `success`; the schema's root stays a plain object, which clients up to 2025-11-25 need.
"""

from typing import Final, TypeAlias

from mcp.types import Tool, ToolAnnotations

from broker.arguments import NAME_MAX
from wire.destination import HOST_MAX, NAME_MAX_BYTES, PASSWORD_MAX_BYTES
from wire.faults import FaultCode
from wire.names import PARAMETERS_MAX, STATEMENT_MAX_BYTES

Schema: TypeAlias = dict[str, object]

INSTRUCTIONS: Final = (
    "SQL on databases that an operator has configured; no password is needed for these. "
    "Call list_connections, then connect_named_storage with one of its names to get a "
    "connection_id, then execute_query with it, one statement at a time, each in a transaction of "
    "its own; pass values as params and write :name in the statement. Call disconnect_storage at "
    "the end. A failed call has success false, a sentence in error and a code in fault."
)

_TEXT: Final[Schema] = {"type": "string"}
_ACCOUNT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": NAME_MAX_BYTES}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_SECONDS: Final[Schema] = {"type": "number", "minimum": 0}

_CONNECTION_ID: Final[Schema] = {
    "type": "string",
    "description": "The connection_id that a connect tool returned.",
}

_DESCRIBED: Final[Schema] = {
    "connection_id": _TEXT,
    "type": _TEXT,
    "host": _TEXT,
    "database": _TEXT,
    "access": _TEXT,
}
_ALWAYS: Final = ["connection_id", "type", "database", "access"]
"""Of these; a SQLite file has no host."""

_FAULT: Final[Schema] = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "enum": [code.value for code in FaultCode]},
        "sqlstate": {"type": "string", "description": "The database's own code, if it gave one."},
        "hint": {"type": "string", "description": "What to do about it."},
        "position": {
            "type": "integer",
            "description": "The character of the statement, counted from 1, that it is about.",
        },
        "may_have_run": {
            "type": "boolean",
            "description": "True when the statement may have taken effect all the same.",
        },
    },
    "required": ["code"],
}


def tools() -> list[Tool]:
    """Return every tool, in the order in which a client needs them."""
    return [_LIST, _CONNECT_NAMED, _EXECUTE, _STATUS, _DISCONNECT, _CONNECT]


def _input(properties: Schema, required: list[str]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _output(fields: Schema, required: list[str]) -> Schema:
    return {
        "type": "object",
        "properties": {
            "success": {"type": "boolean"},
            **fields,
            "error": {"type": "string", "description": "One sentence, when success is false."},
            "fault": _FAULT,
        },
        "required": ["success"],
        "oneOf": [
            {"properties": {"success": {"const": True}}, "required": required},
            {"properties": {"success": {"const": False}}, "required": ["error", "fault"]},
        ],
    }


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties}


_LIST: Final = Tool(
    name="list_connections",
    title="List connections",
    description="Name the databases that can be connected to, and what may be done with each.",
    input_schema=_input({}, []),
    output_schema=_output(
        {"connections": {"type": "array", "items": {"type": "object"}}}, ["connections"]
    ),
    annotations=ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    ),
)

_CONNECT_NAMED: Final = Tool(
    name="connect_named_storage",
    title="Connect to a database",
    description=(
        "Connect to a configured database by its name and get a connection_id for execute_query. "
        "No password is needed. The connection_id works for you alone and ends when it has not "
        "been used for a while."
    ),
    input_schema=_input(
        {
            "connection_name": {
                "type": "string",
                "minLength": 1,
                "maxLength": NAME_MAX,
                "description": "A name from list_connections.",
            }
        },
        ["connection_name"],
    ),
    output_schema=_output({**_DESCRIBED, "connection_name": _TEXT}, [*_ALWAYS, "connection_name"]),
    annotations=ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
    ),
)

_EXECUTE: Final = Tool(
    name="execute_query",
    title="Run one SQL statement",
    description=(
        "Run one SQL statement in a transaction of its own. A statement that returns rows gives "
        "rows (objects by column name; a column name that occurs again gets _2, _3) and "
        "row_count, and truncated true when there were more rows than the limit; any other gives "
        "affected_rows. On failure error is the database's sentence and fault says more. BEGIN, "
        "COMMIT and ROLLBACK are refused."
    ),
    input_schema=_input(
        {
            "connection_id": _CONNECTION_ID,
            "query": {
                "type": "string",
                "minLength": 1,
                "maxLength": STATEMENT_MAX_BYTES,
                "description": "One statement; write :name where a value of params belongs.",
            },
            "params": {
                "type": ["object", "null"],
                "maxProperties": PARAMETERS_MAX,
                "description": "The values, by the names in the statement.",
            },
        },
        ["connection_id", "query"],
    ),
    output_schema=_output(
        {
            "columns": {"type": "array", "items": {"type": "object"}},
            "rows": {"type": "array", "items": {"type": "object"}},
            "row_count": _COUNT,
            "affected_rows": {"type": "integer"},
            "truncated": {"type": "boolean"},
        },
        [],
    ),
    annotations=ToolAnnotations(
        read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False
    ),
)

_STATUS: Final = Tool(
    name="connection_status",
    title="Look at a connection",
    description=(
        "How one connection_id is: health of its database as far as logins have told (healthy, "
        "unreachable, refused, paused, unknown), usage (statements, rows, bytes, errors), open "
        "connections, and in how many seconds it ends. Asking does not keep it alive."
    ),
    input_schema=_input({"connection_id": _CONNECTION_ID}, ["connection_id"]),
    output_schema=_output(
        {
            **_DESCRIBED,
            "connection_name": _TEXT,
            "health": _object(state=_TEXT, since_s=_SECONDS, next_try_s=_SECONDS),
            "usage": _object(
                since_s=_SECONDS,
                statements=_COUNT,
                rows=_COUNT,
                bytes=_COUNT,
                errors=_COUNT,
                last_fault=_TEXT,
                last_used_s=_SECONDS,
                running=_COUNT,
                waiting=_COUNT,
            ),
            "pool": _object(open=_COUNT, limit=_COUNT),
            "expiry": _object(idle_in_s=_SECONDS, absolute_in_s=_SECONDS),
            "opened_s": _SECONDS,
        },
        [*_ALWAYS, "health", "usage", "expiry", "opened_s"],
    ),
    annotations=ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    ),
)

_DISCONNECT: Final = Tool(
    name="disconnect_storage",
    title="Disconnect",
    description="End a connection_id that is no longer needed; it works no more after that.",
    input_schema=_input({"connection_id": _CONNECTION_ID}, ["connection_id"]),
    output_schema=_output({}, []),
    annotations=ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    ),
)

_CONNECT: Final = Tool(
    name="connect_storage",
    title="Connect with a password of your own",
    description=(
        "Connect to a database that is not configured, with a user and a password of your own, and "
        "get a connection_id for execute_query. Only where the operator allows passwords in "
        "arguments, and to servers that are allowed, which off the broker's machine need TLS and a "
        "certificate for their host; an agent should use connect_named_storage, which needs none. "
        "SQLite files are configured by name."
    ),
    input_schema=_input(
        {
            "storage_type": {
                "type": "string",
                "enum": ["postgresql", "mysql", "sqlite"],
                "description": "mysql is MariaDB, too; sqlite is refused, see above.",
            },
            "host": {
                "type": "string",
                "minLength": 1,
                "maxLength": HOST_MAX,
                "description": "A host name or an IP address, no URL.",
            },
            "database": {**_ACCOUNT, "pattern": "^[^:=@]*$"},
            "username": {**_ACCOUNT, "pattern": "^[^:=]*$"},
            "password": {
                "type": "string",
                "minLength": 1,
                "maxLength": PASSWORD_MAX_BYTES,
                "writeOnly": True,
            },
            "port": {
                "type": ["integer", "null"],
                "minimum": 1,
                "maximum": 65535,
                "description": "Left out: the usual one of the storage_type.",
            },
        },
        ["storage_type", "host", "database", "username", "password"],
    ),
    output_schema=_output(_DESCRIBED, [*_ALWAYS, "host"]),
    annotations=ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
    ),
)
