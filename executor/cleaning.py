"""What a connection goes through between two runs, off the path of either.

The reset is sent when a run has been answered, and its outcome read when the next one begins:
nobody waits for it, and a connection that died while idle shows itself before anything is sent on
it.
"""

import select
from functools import partial
from typing import Final

from psycopg import Error
from psycopg.pq import ExecStatus, TransactionStatus

from executor.adopt.lent import LentConnection
from executor.pipeline import Command, LostError, Pipeline
from executor.waiting import Patience

CHECK_CLIENT: Final = b"pg_catalog.set_config('client_connection_check_interval', '500', %b)"
"""Has the server look every half second, during a statement, if its client is still there."""

CHECK_CLIENT_SINCE: Final = 140_000
"""PostgreSQL 14; and not on every platform, hence the try."""

_ROLLBACK: Final = Command(b"ROLLBACK")
# Settings, role, temporary tables, advisory locks, prepared statements, cursors, LISTEN.
_DISCARD: Final = Command(b"DISCARD ALL")


def prepare_new(connection: LentConnection, patience: Patience) -> None:
    """Find out what the server of a new connection can do; raise LostError or StoppedError."""
    if connection.pgconn.server_version < CHECK_CLIENT_SINCE:
        return
    pipeline = Pipeline(connection, partial(patience.wait, connection.pgconn.socket))
    pipeline.send([Command(b"SELECT " + CHECK_CLIENT % b"false")])
    statuses = [result.status for result in pipeline.results()]
    pipeline.end_group()
    pipeline.leave()
    connection.checks_client = statuses == [ExecStatus.TUPLES_OK]


def start_reset(connection: LentConnection) -> bool:
    """Begin to forget all of a run; return False for a connection that must be closed instead."""
    status = connection.pgconn.transaction_status
    if status not in (TransactionStatus.IDLE, TransactionStatus.INERROR):
        return False
    # DISCARD ALL must be alone in its group, outside of any transaction.
    groups = [[_DISCARD]] if status == TransactionStatus.IDLE else [[_ROLLBACK], [_DISCARD]]
    try:
        Pipeline(connection, _no_wait).send(*groups)
    except LostError:
        return False
    connection.groups_due = len(groups)
    return True


def finish_reset(connection: LentConnection, patience: Patience) -> bool:
    """Return whether the connection is clean and alive; raise StoppedError if the run is over."""
    pipeline = Pipeline(connection, partial(patience.wait, connection.pgconn.socket))
    try:
        while connection.groups_due:
            connection.groups_due -= 1
            if [result.status for result in pipeline.results()] != [ExecStatus.COMMAND_OK]:
                return False
            pipeline.end_group()
        _read_ahead(connection)
    except (LostError, Error):
        return False
    return connection.pgconn.transaction_status == TransactionStatus.IDLE


def _read_ahead(connection: LentConnection) -> None:
    """Take what the server said without being asked: notices, or that it is going away."""
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    if poll.poll(0):
        connection.pgconn.consume_input()
        connection.pgconn.is_busy()
    while connection.pgconn.notifies() is not None:
        pass


def _no_wait(_events: int) -> int:
    # The reset has forty bytes; a socket without room for them is stuck.
    raise LostError
