"""What a connection goes through between two runs, off the path of either.

The reset is sent when a run has been answered, and its outcome read when the next one begins:
nobody waits for it, and a connection that died while idle shows itself before anything is sent on
it. A connection without a reset that was sent, or with one that did not come to what it should, is
never handed out.

A pooler before the server may give each transaction another session, as somebody else has left it.
So each reset leaves a mark, but only where DISCARD ALL has taken the last one away, and a run
begins only where it finds its own.
"""

import secrets
import select
from typing import Final

from psycopg import Error
from psycopg.pq import ExecStatus, TransactionStatus

from executor.postgresql.lent import LentConnection
from executor.postgresql.pipeline import Command, Pipeline
from executor.stopping import LostError

CHECK_CLIENT: Final = b"pg_catalog.set_config('client_connection_check_interval', '500', %b)"
"""Has the server look every half second, during a statement, if its client is still there."""

CHECK_CLIENT_SINCE: Final = 140_000
"""PostgreSQL 14; and not on every platform, hence the try."""

_ROLLBACK: Final = Command(b"ROLLBACK")
# Settings, role, temporary tables, advisory locks, prepared statements, cursors, LISTEN.
_DISCARD: Final = Command(b"DISCARD ALL")
_FORMS: Final = b", ".join(
    b"pg_catalog.set_config('%b', '%b', false)" % form
    for form in (
        (b"DateStyle", b"ISO"),
        (b"IntervalStyle", b"postgres"),
        (b"bytea_output", b"hex"),
        (b"extra_float_digits", b"3"),
        (b"array_nulls", b"on"),
        (b"standard_conforming_strings", b"on"),
    )
)
"""How values are written and literals are read, whatever a role or a database has for a default."""
MARK: Final = b"strongroom.session"
_IS_BARE: Final = (
    b"coalesce(pg_catalog.current_setting('" + MARK + b"', true), '') OPERATOR(pg_catalog.=) ''"
)
# A time it is not, so that is an error.
_MARKED: Final = (
    b"pg_catalog.set_config(CASE WHEN " + _IS_BARE + b" THEN '" + MARK + b"' "
    b"ELSE 'statement_timeout' END, $1, false), " + _FORMS
)
_SEED: Final = b"SELECT pg_catalog.setseed($2), " + _MARKED
"""DISCARD ALL leaves random() as it is: who has set its seed would know what comes next."""
_SEEDS: Final = 1 << 53


def prepare_new(connection: LentConnection) -> None:
    """Have a new connection write values our way, and find out what its server can do.

    Raises LostError or StoppedError.
    """
    pipeline = Pipeline(connection, connection.wait_for)
    can_check = connection.pgconn.server_version >= CHECK_CLIENT_SINCE
    asked = [_DISCARD, Command(b"SELECT " + _MARKED, [_new_mark(connection)])]
    asked += [Command(b"SELECT " + CHECK_CLIENT % b"false")] if can_check else []
    pipeline.send(*([command] for command in asked))
    works = [_works(pipeline) for _ in asked]
    pipeline.leave()
    if not all(works[:2]):
        raise LostError
    connection.checks_client = can_check and works[2]


def start_reset(connection: LentConnection) -> bool:
    """Begin to forget all of a run; return False for a connection that must be closed instead."""
    status = connection.pgconn.transaction_status
    if status not in (TransactionStatus.IDLE, TransactionStatus.INERROR):
        return False
    if connection.is_worn_out():
        return False
    # DISCARD ALL must be alone in its group, outside of any transaction.
    seeded = Command(_SEED, [_new_mark(connection), _seed()])
    groups = [(_DISCARD, ExecStatus.COMMAND_OK), (seeded, ExecStatus.TUPLES_OK)]
    if status == TransactionStatus.INERROR:
        groups.insert(0, (_ROLLBACK, ExecStatus.COMMAND_OK))
    try:
        Pipeline(connection, _no_wait).send(*([command] for command, _ in groups))
    except LostError:
        return False
    connection.resets_due = [due for _, due in groups]
    connection.is_clean = True
    return True


def finish_reset(connection: LentConnection) -> bool:
    """Hand the connection out: return whether it is clean and alive, for this one time.

    Raises StoppedError if the run is over.
    """
    is_clean, connection.is_clean = connection.is_clean, False
    if not is_clean:
        return False
    connection.expect_little()
    pipeline = Pipeline(connection, connection.wait_for)
    try:
        while connection.resets_due:
            due = connection.resets_due.pop(0)
            if [result.status for result in pipeline.results()] != [due]:
                return False
            pipeline.end_group()
        _read_ahead(connection)
    except (LostError, Error):
        return False
    return connection.pgconn.transaction_status == TransactionStatus.IDLE


def _works(pipeline: Pipeline) -> bool:
    statuses = [result.status for result in pipeline.results()]
    pipeline.end_group()
    return statuses in ([ExecStatus.TUPLES_OK], [ExecStatus.COMMAND_OK])


def _read_ahead(connection: LentConnection) -> None:
    """Take what the server said without being asked: notices, or that it is going away."""
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    if poll.poll(0):
        connection.pgconn.consume_input()
        connection.pgconn.is_busy()
    while connection.pgconn.notifies() is not None:
        pass


def _seed() -> bytes:
    return repr(secrets.randbelow(2 * _SEEDS) / _SEEDS - 1).encode()


def _new_mark(connection: LentConnection) -> bytes:
    connection.mark = b"mark-" + secrets.token_hex(8).encode()
    return connection.mark


def _no_wait(_events: int) -> int:
    # The reset has two hundred bytes; a socket without room for them is stuck.
    raise LostError
