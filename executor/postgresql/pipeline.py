"""libpq's pipeline on one connection: commands go out together, results come back in order.

Each command goes by Parse and Bind, so it can only be one statement. A Sync ends a group: after an
error the server skips the rest of the group.
"""

import select
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

from psycopg import Error
from psycopg.pq import ExecStatus, PipelineStatus
from psycopg.pq.abc import PGresult

from executor.postgresql.lent import LentConnection
from executor.stopping import LostError

CHUNK_ROWS: Final = 1000
"""Rows that libpq holds at a time."""


class Command(NamedTuple):
    """One command and its values, as text of unknown type."""

    sql: bytes
    values: Sequence[bytes | None] | None = None


class Prepare(NamedTuple):
    """Have the server read a statement, and infer its parameters' types, without running it."""

    sql: bytes


class Describe(NamedTuple):
    """Ask for what the server has inferred of the statement that it has read last."""


Step: TypeAlias = Command | Prepare | Describe


class Pipeline:
    """Sends and receives; *wait* takes poll's events and returns those that came."""

    def __init__(self, connection: LentConnection, wait: Callable[[int], int]) -> None:
        self._pgconn = connection.pgconn
        self._wait = wait

    def send(self, *groups: Sequence[Step]) -> None:
        """Send every group with its Sync, and wait until all is on its way."""
        try:
            self._queue(groups)
            while self._pgconn.flush():
                if self._wait(select.POLLIN | select.POLLOUT) & ~select.POLLOUT:
                    self._pgconn.consume_input()
        except Error:
            raise LostError from None

    def in_chunks(self) -> None:
        """Have the rows of the next command come in parts."""
        try:
            self._pgconn.set_chunked_rows_mode(CHUNK_ROWS)
        except Error:
            raise LostError from None

    def results(self) -> Iterator[PGresult]:
        """Yield the results of the next command."""
        while (result := self._next()) is not None:
            yield result

    def end_group(self) -> None:
        """Read the answer to a Sync; raise LostError for anything else."""
        result = self._next()
        if result is None or result.status != ExecStatus.PIPELINE_SYNC:
            raise LostError

    def leave(self) -> None:
        """Give the connection back to psycopg's own ways, with nothing under way."""
        try:
            self._pgconn.exit_pipeline_mode()
        except Error:
            raise LostError from None

    def _queue(self, groups: Sequence[Sequence[Step]]) -> None:
        if self._pgconn.pipeline_status == PipelineStatus.OFF:
            self._pgconn.enter_pipeline_mode()
        for group in groups:
            for step in group:
                self._queue_step(step)
            self._pgconn.pipeline_sync()

    def _queue_step(self, step: Step) -> None:
        match step:
            case Command(sql, values):
                self._pgconn.send_query_params(sql, values)
            case Prepare(sql):
                self._pgconn.send_prepare(b"", sql)
            case Describe():
                self._pgconn.send_describe_prepared(b"")

    def _next(self) -> PGresult | None:
        try:
            while self._pgconn.is_busy():
                self._wait(select.POLLIN)
                self._pgconn.consume_input()
            return self._pgconn.get_result()
        except Error:
            raise LostError from None
