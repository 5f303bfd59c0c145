"""Commands to a server of MySQL's protocol, and its answers as they come.

What MySQL's documents call the command phase: all that comes after a login.
"""

from typing import Final, NamedTuple

from executor.mysql.channel import Channel
from executor.mysql.packets import (
    QUERY,
    Column,
    ErrPacket,
    MalformedError,
    OkPacket,
    Row,
    read_column,
    read_end,
    read_head,
    read_row,
)
from executor.stopping import LostError

CHUNK_ROWS: Final = 500
CHUNK_BYTES: Final = 1 << 20
"""About as much is received before it is written."""


class Table(NamedTuple):
    """A small result, all of it at once."""

    columns: list[Column]
    rows: list[Row]


class CommandPhase:
    """Sends commands and reads the answers; raises LostError for what cannot be understood."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def do(self, command: bytes) -> OkPacket | ErrPacket:
        """Run a command that has no rows."""
        self._channel.say(command)
        return self.done(command)

    def say(self, command: bytes) -> None:
        """Send a command whose answer is read by `head` and `rows`."""
        self._channel.say(command)
        self._channel.expect(command)

    def done(self, command: bytes) -> OkPacket | ErrPacket:
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
        rows, end = self.rows(columns)
        if end is None:
            raise LostError
        return Table(columns, rows) if isinstance(end, OkPacket) else None

    def head(self) -> OkPacket | ErrPacket | list[Column]:
        """Return how the next result begins: with its end, or with its columns."""
        try:
            head = read_head(self._channel.packet())
            if not isinstance(head, int):
                return head
            columns = [read_column(self._channel.packet()) for _ in range(head)]
            end = read_end(self._channel.packet())
        except MalformedError:
            raise LostError from None
        if isinstance(end, ErrPacket):
            return end
        if end is None:
            raise LostError
        return columns

    def rows(
        self, columns: list[Column], at_most: int = CHUNK_ROWS
    ) -> tuple[list[Row], OkPacket | ErrPacket | None]:
        """Return the next rows, and their end if that has come as well.

        They are *at_most* so many, and about as many as are held at a time.
        """
        rows: list[Row] = []
        most = min(at_most, CHUNK_ROWS)
        give_up_at = self._channel.received_bytes + CHUNK_BYTES
        try:
            while True:
                rows += self._channel.rows(len(columns), most - len(rows))
                if len(rows) >= most or self._channel.received_bytes > give_up_at:
                    return rows, None
                # One that is not here yet, or very long, or the end.
                body = self._channel.packet()
                if (end := read_end(body)) is not None:
                    return rows, end
                rows.append(read_row(body, len(columns)))
        except MalformedError:
            raise LostError from None
