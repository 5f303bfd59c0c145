"""What a connection goes through before its first run, and between two.

The reset is sent when a run has been answered, and its outcome read when the next one begins, so
nobody waits for it. COM_RESET_CONNECTION alone is not enough: it keeps the current database, what
FOUND_ROWS() says and, on MariaDB, the role and the history of SHOW PROFILES, and MySQL goes back to
the server's character set. A connection that does not come to what it should be is never handed
out.
"""

from typing import Final

from executor.mysql.command_phase import CommandPhase, Table
from executor.mysql.lent import MysqlConnection
from executor.mysql.packets import INIT_DB, QUERY, RESET_CONNECTION, OkPacket
from executor.stopping import NET_MS, LostError

_NAMES: Final = b"SET NAMES utf8mb4"
_VARIABLES: Final = (
    b"SHOW SESSION VARIABLES WHERE Variable_name IN "
    b"('sql_mode', 'max_statement_time', 'max_execution_time', 'profiling_history_size')"
)
_ROLE: Final = b"SELECT CURRENT_ROLE()"
_DATABASE: Final = b"SELECT DATABASE()"

# The history is cut when a statement has been profiled, hence first on and then off.
_NO_PROFILES: Final = b"profiling = 1, profiling_history_size = 0"
_PROFILING_OFF: Final = QUERY + b"SET SESSION profiling = 0"
_READS: Final = QUERY + b"SET SESSION TRANSACTION READ ONLY"
"""A procedure can end our transaction; so the next one, too, can only read."""

_NO_ROWS_FOUND: Final = QUERY + b"SELECT 1 FROM DUAL WHERE 0 INTO @none"
"""It finds nothing, hence makes no variable. Its warning goes with the command that follows."""

_READ_OTHERWISE: Final = frozenset(
    {b"ANSI_QUOTES", b"NO_BACKSLASH_ESCAPES", b"EMPTY_STRING_IS_NULL"}
    | {b"ANSI", b"ORACLE", b"MSSQL", b"DB2", b"POSTGRESQL", b"MAXDB"}
)
"""Modes in which a statement reads otherwise than the guard and the literals take it: those of
quotes and of the empty text, and the sets of modes that hold them. All others stay the server's."""


def prepare_new(connection: MysqlConnection, *, read_only: bool, statement_ms: int) -> None:
    """Find out what a new session is, and make it as it will be after each reset.

    Raises LostError or StoppedError.
    """
    commands = CommandPhase(connection.channel)
    connection.expect_little()
    if not isinstance(commands.do(QUERY + _NAMES), OkPacket):
        raise LostError
    asked = commands.table(_VARIABLES)
    database = _value(commands.table(_DATABASE))
    # A server from before there were roles refuses the question.
    role = commands.table(_ROLE)
    # A login names a database; without one it has been dropped meanwhile.
    if asked is None or database is None:
        raise LostError
    connection.session.collation = asked.columns[0].collation
    connection.session.reset = _commands(
        {name or b"": value or b"" for name, value in asked.rows},
        database=database,
        role=None if role is None else _value(role) or b"NONE",
        read_only=read_only,
        limit_ms=statement_ms + NET_MS,
    )
    connection.is_clean = _send(connection)
    connection.is_clean = finish_reset(connection)
    if not connection.is_clean:
        raise LostError


def start_reset(connection: MysqlConnection) -> bool:
    """Begin to forget all of a run; return False for a connection that must be closed instead."""
    connection.is_clean = _send(connection)
    return connection.is_clean


def finish_reset(connection: MysqlConnection) -> bool:
    """Hand the connection out: return whether it is clean and alive, for this one time.

    Raises StoppedError if the run is over.
    """
    is_clean, connection.is_clean = connection.is_clean, False
    if not is_clean:
        return False
    connection.expect_little()
    commands = CommandPhase(connection.channel)
    due, connection.resets_due = connection.resets_due, ()
    try:
        if not all(isinstance(commands.done(command), OkPacket) for command in due):
            return False
    except LostError:
        return False
    return not connection.has_news()


def _send(connection: MysqlConnection) -> bool:
    connection.channel.wait = _no_wait
    try:
        connection.channel.say(*connection.session.reset)
    except LostError:
        return False
    connection.resets_due = connection.session.reset
    return True


def _commands(
    variables: dict[bytes, bytes],
    *,
    database: bytes,
    role: bytes | None,
    read_only: bool,
    limit_ms: int,
) -> tuple[bytes, ...]:
    """Return what makes a session as new, in this order."""
    has_profiles = b"profiling_history_size" in variables
    settings = [_NAMES, b"SESSION sql_mode = '%b'" % _mode(variables.get(b"sql_mode", b""))]
    settings += _time_limit(variables, limit_ms)
    settings += [b"SESSION " + _NO_PROFILES] if has_profiles else []
    return (
        RESET_CONNECTION,
        _NO_ROWS_FOUND,
        QUERY + b", ".join(settings),
        INIT_DB + database,
        *([] if role is None else [QUERY + b"SET ROLE " + _role(role)]),
        *([_READS] if read_only else []),
        *([_PROFILING_OFF] if has_profiles else []),
    )


def _mode(mode: bytes) -> bytes:
    """Return the server's own mode without what would change how statements are read."""
    kept = [word for word in mode.split(b",") if word not in _READ_OTHERWISE]
    if not all(word.replace(b"_", b"").isalnum() for word in kept if word):
        raise LostError
    return b",".join(kept)


def _time_limit(variables: dict[bytes, bytes], limit_ms: int) -> list[bytes]:
    """Return the limit that the server itself has an eye on; MySQL's is for SELECT alone."""
    try:
        if (now := variables.get(b"max_statement_time")) is not None:  # MariaDB, in seconds
            limit_s = min(limit_ms / 1000, float(now) or limit_ms / 1000)
            return [b"SESSION max_statement_time = %f" % limit_s]
        if (now := variables.get(b"max_execution_time")) is not None:  # MySQL, in milliseconds
            return [b"SESSION max_execution_time = %d" % min(limit_ms, int(now) or limit_ms)]
    except ValueError:
        raise LostError from None
    return []


def _role(role: bytes) -> bytes:
    """Return roles as SET ROLE takes them: MySQL quotes them itself, MariaDB has but one."""
    if role == b"NONE" or role.startswith(b"`"):
        return role
    return b"`%b`" % role.replace(b"`", b"``")


def _value(table: Table | None) -> bytes | None:
    """Return the one value of a question's answer."""
    if table is None or len(table.rows) != 1 or len(table.columns) != 1:
        raise LostError
    return table.rows[0][0]


def _no_wait(_events: int) -> int:
    # The reset has a few hundred bytes; a socket without room for them is stuck.
    raise LostError
