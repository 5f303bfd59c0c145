"""Commands to a server of MySQL's protocol, and its answers as they come."""

from typing import Final, NamedTuple

from executor.mysql.channel import Channel
from executor.mysql.packets import (
    QUERY,
    Column,
    Done,
    Failed,
    MalformedError,
    read_column,
    read_end,
    read_head,
    read_row,
)
from executor.pipeline import LostError

CHUNK_ROWS: Final = 500
CHUNK_BYTES: Final = 1 << 20
"""About as much is held before it is written."""


class Table(NamedTuple):
    """A small result, all of it at once."""

    columns: list[Column]
    rows: list[list[bytes | None]]


class Exchange:
    """Sends commands and reads the answers; raises LostError for what cannot be understood."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def do(self, command: bytes) -> Done | Failed:
        """Run a command that has no rows."""
        self._channel.say(command)
        return self.done(command)

    def say(self, command: bytes) -> None:
        """Send a command whose answer is read by `head` and `rows`."""
        self._channel.say(command)
        self._channel.expect(command)

    def done(self, command: bytes) -> Done | Failed:
        """Read the answer to *command*, which was sent and has no rows."""
        self._channel.expect(command)
        head = self.head()
        if isinstance(head, list):
            raise LostError
        return head

    def table(self, sql: bytes) -> Table | None:
        """Return the rows of a query of ours; None if the server refuses it."""
        self.say(QUERY + sql)
        columns = self.head()
        if not isinstance(columns, list):
            return None
        bodies, end = self.rows()
        if end is None:
            raise LostError
        rows = [values_of(body, columns) for body in bodies]
        return Table(columns, rows) if isinstance(end, Done) else None

    def head(self) -> Done | Failed | list[Column]:
        """Return how the next result begins: with its end, or with its columns."""
        try:
            head = read_head(self._channel.packet())
            if not isinstance(head, int):
                return head
            columns = [read_column(self._channel.packet()) for _ in range(head)]
            end = read_end(self._channel.packet())
        except MalformedError:
            raise LostError from None
        if isinstance(end, Failed):
            return end
        if end is None:
            raise LostError
        return columns

    def rows(self, at_most: int = CHUNK_ROWS) -> tuple[list[bytes], Done | Failed | None]:
        """Return the next rows as they came, and their end if that has come as well.

        They are *at_most* so many, and about as many as are held at a time.
        """
        rows: list[bytes] = []
        held_bytes = 0
        while len(rows) < min(at_most, CHUNK_ROWS) and held_bytes < CHUNK_BYTES:
            body = self._channel.packet()
            try:
                end = read_end(body)
            except MalformedError:
                raise LostError from None
            if end is not None:
                return rows, end
            rows.append(body)
            held_bytes += len(body)
        return rows, None


def values_of(body: bytes, columns: list[Column]) -> list[bytes | None]:
    """Return the values of a row; raise LostError if they are not as many as the columns."""
    try:
        return read_row(body, len(columns))
    except MalformedError:
        raise LostError from None
