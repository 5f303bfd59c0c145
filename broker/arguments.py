"""The arguments of each tool: what they must be, and the sentence for those that are not.

Decoded once, strictly, from the client's own bytes. What a client sent is never quoted, not even
the name of an argument that does not exist: it may hold anything.
"""

from typing import Annotated, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from wire.destination import (
    HOST_MAX,
    NAME_MAX_BYTES,
    PASSWORD_MAX_BYTES,
    AccountName,
    Destination,
    Host,
)
from wire.faults import Fault, FaultCode, RefusedError
from wire.lending import Port
from wire.names import PARAMETERS_MAX, STATEMENT_MAX_BYTES, ConnectionId, ConnectionName

NAME_MAX: Final = 128

DEFAULT_PORTS: Final = {"postgresql": 5432, "mysql": 3306}

_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TEXT_BYTES_PER_CHARACTER: Final = 4

Name: TypeAlias = Annotated[ConnectionName, Meta(min_length=1, max_length=NAME_MAX)]
Statement: TypeAlias = Annotated[str, Meta(min_length=1, max_length=STATEMENT_MAX_BYTES)]
Parameters: TypeAlias = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=NAME_MAX)], Raw],
    Meta(max_length=PARAMETERS_MAX),
]


class NoArguments(Struct, frozen=True, forbid_unknown_fields=True):
    """What list_connections takes."""


class ConnectArguments(Struct, frozen=True, forbid_unknown_fields=True):
    """What connect_named_storage takes."""

    connection_name: Name


class ConnectDynamicArguments(Struct, frozen=True, forbid_unknown_fields=True):
    """What connect_storage takes; its password was cut out before anybody read this."""

    storage_type: Literal["postgresql", "mysql", "sqlite"]
    host: Host
    database: AccountName
    username: AccountName
    password: str
    port: Port | None = None

    def destination(self) -> Destination:
        """Return where to connect; raise RefusedError where that is not by host and password."""
        if self.storage_type == "sqlite":
            raise invalid(f"storage_type must be {_STORAGE_WORDS}")
        for name, text, words in (
            ("database", self.database, _DATABASE_WORDS),
            ("username", self.username, _USERNAME_WORDS),
        ):
            if len(text.encode()) > NAME_MAX_BYTES or "\0" in text:
                raise invalid(f"{name} must be {words}")
        return Destination(
            engine=self.storage_type,
            host=self.host,
            port=self.port or DEFAULT_PORTS[self.storage_type],
            database=self.database,
            user=self.username,
        )


class ExecuteArguments(Struct, frozen=True, forbid_unknown_fields=True):
    """What execute_query takes; `params` travel on as they came."""

    connection_id: ConnectionId
    query: Statement
    params: Parameters | None = None


class LeaseArguments(Struct, frozen=True, forbid_unknown_fields=True):
    """What disconnect_storage and connection_status take."""

    connection_id: ConnectionId


class Expected(NamedTuple):
    """One argument: its type, and the words for it."""

    kind: object
    words: str
    required: bool = True


A = TypeVar("A", bound=Struct)


class ArgumentsReader(Generic[A]):
    """Reads one tool's arguments."""

    def __init__(self, kind: type[A], expected: dict[str, Expected]) -> None:
        self._decoder: msgspec.json.Decoder[A] = msgspec.json.Decoder(kind)
        self._expected = expected

    def read(self, raw: bytes) -> A:
        """Return the arguments in *raw*; raise RefusedError naming the first wrong one."""
        try:
            return self._decoder.decode(raw)
        except _MALFORMED:
            sentence = _complaint(raw, self._expected)
        raise invalid(sentence)


def invalid(sentence: str) -> RefusedError:
    """Return the error to raise where an argument is wrong in a way that *sentence* tells."""
    return RefusedError(Fault(code=FaultCode.INVALID_ARGUMENTS, message=sentence))


def check_statement(statement: str) -> None:
    """Raise RefusedError for a statement that is too long once it is bytes."""
    if len(statement) * _TEXT_BYTES_PER_CHARACTER <= STATEMENT_MAX_BYTES:
        return
    if len(statement.encode(errors="replace")) > STATEMENT_MAX_BYTES:
        raise invalid(f"query must be {_STATEMENT_WORDS}")


def _complaint(raw: bytes, expected: dict[str, Expected]) -> str:
    """Return the sentence for arguments that did not decode; slow, and only then."""
    try:
        given = msgspec.json.decode(raw, type=dict[str, Raw])
    except _MALFORMED:
        return "The arguments must be one JSON object"
    for name, argument in expected.items():
        if name not in given:
            if argument.required:
                return f"{name} is missing; it must be {argument.words}"
        elif not _fits(given[name], argument.kind):
            return f"{name} must be {argument.words}"
    if not expected:
        return "This tool takes no arguments"
    return f"There is an argument too many; this tool takes {', '.join(expected)}"


def _fits(value: Raw, kind: object) -> bool:
    try:
        msgspec.json.Decoder(kind).decode(value)
    except _MALFORMED:
        return False
    return True


_STATEMENT_WORDS: Final = f"a string with one SQL statement of at most {STATEMENT_MAX_BYTES} bytes"
_CONNECTION_ID: Final = Expected(
    ConnectionId, "a string, the connection_id that a connect tool returned"
)
_STORAGE_WORDS: Final = (
    "postgresql or mysql, which is for MariaDB too; SQLite files are configured by name"
)

# One that has such a character has been cut out before it is looked at: it may hold a password.
_HOST_WORDS: Final = (
    f"the name or the IP address of a host, a string of 1 to {HOST_MAX} characters, and no URL; "
    "put the password into password"
)
_DATABASE_WORDS: Final = (
    f"a string of 1 to {NAME_MAX_BYTES} bytes without a NUL, ':', '=' or '@'; "
    "put the password into password"
)
_USERNAME_WORDS: Final = (
    f"a string of 1 to {NAME_MAX_BYTES} bytes without a NUL, ':' or '='; "
    "put the password into password"
)
PASSWORD_WORDS: Final = f"a string of 1 to {PASSWORD_MAX_BYTES} bytes without a NUL"

CONNECT: Final = ArgumentsReader(
    ConnectArguments,
    {"connection_name": Expected(Name, f"a string of 1 to {NAME_MAX} characters")},
)
CONNECT_DYNAMIC: Final = ArgumentsReader(
    ConnectDynamicArguments,
    {
        "storage_type": Expected(Literal["postgresql", "mysql", "sqlite"], _STORAGE_WORDS),
        "host": Expected(Host, _HOST_WORDS),
        "database": Expected(AccountName, _DATABASE_WORDS),
        "username": Expected(AccountName, _USERNAME_WORDS),
        "password": Expected(str, PASSWORD_WORDS),
        "port": Expected(Port | None, "a whole number from 1 to 65535", required=False),
    },
)
EXECUTE: Final = ArgumentsReader(
    ExecuteArguments,
    {
        "connection_id": _CONNECTION_ID,
        "query": Expected(Statement, _STATEMENT_WORDS),
        "params": Expected(
            Parameters | None,
            f"an object of at most {PARAMETERS_MAX} values by name (names of 1 to {NAME_MAX} "
            "characters)",
            required=False,
        ),
    },
)
LEASE: Final = ArgumentsReader(LeaseArguments, {"connection_id": _CONNECTION_ID})
NOTHING: Final = ArgumentsReader(NoArguments, {})
