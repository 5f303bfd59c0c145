"""The closed list of failures that may cross a process boundary, and our sentence for each.

A code, once released, keeps its meaning. The sentences never quote what a client or a server sent;
what a database says about a *statement* travels beside them (`message`), what it says about a
login never does.
"""

from enum import Enum
from typing import Final

from msgspec import Struct


class FaultCode(Enum):
    """Why a request failed."""

    INVALID_CONNECTION = "invalid_connection"
    CONNECTION_EXPIRED = "connection_expired"
    UNKNOWN_CONNECTION_NAME = "unknown_connection_name"
    INVALID_ARGUMENTS = "invalid_arguments"
    NOT_AVAILABLE = "not_available"
    PLAINTEXT_REFUSED = "plaintext_refused"
    TARGET_REFUSED = "target_refused"
    DATABASE_UNREACHABLE = "database_unreachable"
    LOGIN_FAILED = "login_failed"
    LOGIN_PAUSED = "login_paused"
    CONNECTION_LIMIT = "connection_limit"
    LEASE_LIMIT = "lease_limit"
    STATEMENT_LIMIT = "statement_limit"
    GRANT_REFUSED = "grant_refused"
    STATEMENT_REFUSED = "statement_refused"
    READ_ONLY = "read_only"
    STATEMENT_FAILED = "statement_failed"
    RESULT_TOO_LARGE = "result_too_large"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    CONNECTION_LOST = "connection_lost"
    EXECUTOR_LOST = "executor_lost"
    OUTCOME_UNKNOWN = "outcome_unknown"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


SENTENCES: Final[dict[FaultCode, str]] = {
    FaultCode.INVALID_CONNECTION: "Invalid connection ID",
    FaultCode.CONNECTION_EXPIRED: "The connection ID has expired",
    FaultCode.UNKNOWN_CONNECTION_NAME: "No connection of that name is configured",
    FaultCode.INVALID_ARGUMENTS: "The tool's arguments are not valid",
    FaultCode.NOT_AVAILABLE: "This connection is not available",
    FaultCode.PLAINTEXT_REFUSED: "A password in the arguments is not accepted",
    FaultCode.TARGET_REFUSED: "Connecting to this target is not allowed",
    FaultCode.DATABASE_UNREACHABLE: "The database server could not be reached",
    FaultCode.LOGIN_FAILED: "Login failed",
    FaultCode.LOGIN_PAUSED: "Login failed too often; it is not tried again for a while",
    FaultCode.CONNECTION_LIMIT: "The limit of open connections to this database is reached",
    FaultCode.LEASE_LIMIT: "The limit of open connection IDs is reached",
    FaultCode.STATEMENT_LIMIT: "The limit of statements at the same time is reached",
    FaultCode.GRANT_REFUSED: "The connection could not be borrowed",
    FaultCode.STATEMENT_REFUSED: "The statement is refused",
    FaultCode.READ_ONLY: "This connection is read-only",
    FaultCode.STATEMENT_FAILED: "The database refused the statement",
    FaultCode.RESULT_TOO_LARGE: "The result is larger than the limit",
    FaultCode.DEADLINE: "The statement took longer than its limit and was cancelled",
    FaultCode.CANCELLED: "The statement was cancelled",
    FaultCode.CONNECTION_LOST: "The database closed the connection",
    FaultCode.EXECUTOR_LOST: "The process that ran the statement is gone",
    FaultCode.OUTCOME_UNKNOWN: "The statement may or may not have run",
    FaultCode.OVERLOADED: "Too many requests are waiting",
    FaultCode.UNAVAILABLE: "The system could not take the request in time",
    FaultCode.INTERNAL: "Something went wrong inside Strongroom",
}

HINTS: Final[dict[FaultCode, str]] = {
    FaultCode.INVALID_CONNECTION: "Call connect_named_storage to get a new connection_id.",
    FaultCode.CONNECTION_EXPIRED: "Connect again to get a new connection_id.",
    FaultCode.UNKNOWN_CONNECTION_NAME: "Call list_connections to see the configured names.",
    FaultCode.NOT_AVAILABLE: "Ask the operator to look into the log.",
    FaultCode.PLAINTEXT_REFUSED: (
        "Use connect_named_storage with a name from list_connections. To allow passwords in "
        'arguments, the operator sets "plaintextPasswords": "accept".'
    ),
    FaultCode.TARGET_REFUSED: 'The operator lists what is allowed in "dynamicTargets".',
    FaultCode.DATABASE_UNREACHABLE: "Try again; if it stays so, the operator's log says why.",
    FaultCode.LOGIN_FAILED: "The operator's log names the stage and the reason.",
    FaultCode.LOGIN_PAUSED: "The operator's log names the stage and the reason.",
    FaultCode.CONNECTION_LIMIT: "Try again when other statements have ended.",
    FaultCode.LEASE_LIMIT: "Call disconnect_storage for connection IDs that are no longer needed.",
    FaultCode.STATEMENT_LIMIT: "Send the statement again when others have ended.",
    FaultCode.READ_ONLY: "To write, connect to a connection that is read-write.",
    FaultCode.RESULT_TOO_LARGE: "Add a LIMIT or select fewer columns.",
    FaultCode.DEADLINE: "Make the statement cheaper; its work was rolled back.",
    FaultCode.EXECUTOR_LOST: "Check whether the statement took effect before you send it again.",
    FaultCode.OUTCOME_UNKNOWN: "Check whether the statement took effect before you send it again.",
    FaultCode.OVERLOADED: "Send fewer requests at a time.",
    FaultCode.UNAVAILABLE: "Nothing was run; send the request again.",
}


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One failure, safe to show to the client whose request it ended.

    `message` is the whole sentence when the standing one of its code does not say enough: our own
    words, or a database's about a statement. `position` counts characters of the statement from 1.
    """

    code: FaultCode
    message: str | None = None
    sqlstate: str | None = None
    hint: str | None = None
    position: int | None = None
    may_have_run: bool | None = None

    @property
    def sentence(self) -> str:
        """Return what a client reads as `error`."""
        return self.message or SENTENCES[self.code]


class RefusedError(Exception):
    """What was asked for is not done; `fault` says why, in words that may travel."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.sentence)
        self.fault = fault
