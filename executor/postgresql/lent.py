"""A psycopg connection on a lent session: waits as its run allows, says when it is closed."""

import select
from collections.abc import Callable
from typing import Final, TypeVar

from psycopg import Connection, OperationalError
from psycopg.abc import PQGen
from psycopg.pq.abc import PGconn
from psycopg.waiting import Ready, Wait

from executor.postgresql.meter import Meter
from executor.postgresql.server_types import KnownTypes
from executor.stopping import LITTLE_MAX_BYTES
from executor.waiting import Patience
from wire.names import Handle

RV = TypeVar("RV")

LIFETIME_MAX_BYTES: Final = 256 << 20
"""libpq keeps what a server calls its parameters until the end: with so much taken, that comes."""


class LentConnection(Connection):
    """It cannot reconnect, and it cannot cancel: that is the vault's."""

    def __init__(
        self, pgconn: PGconn, *, handle: Handle, patience: Patience, on_close: Callable[[], None]
    ) -> None:
        super().__init__(pgconn)
        self.handle: Final = handle
        self.patience = patience
        """Of the run that uses the connection now."""
        self.resets_due: list[int] = []
        """The status that each group of a reset has to come to, if it was sent and not read yet."""
        self.is_clean = True
        """Whether nothing but `resets_due` stands between a run and the next; it is False from the
        moment of handing out, and a reset that was sent is the only way back."""
        self.mark = b""
        """What the last reset wrote into the session, and nobody else knows."""
        self.checks_client = False
        """Whether the server can look, during a statement, if we are still there."""
        self.types: Final = KnownTypes()
        """What the server has said of its own types."""
        self.prepare_threshold = None
        self._on_close: Callable[[], None] | None = on_close
        self._ever = self._lately = Meter(pgconn.socket)
        # Each statement brings its own BEGIN; psycopg must not add one.
        self._autocommit = True

    def wait(
        self,
        gen: PQGen[RV],
        interval: float = 0.0,  # noqa: ARG002 - a bell wakes us; there is nothing to look up for
        timeout: float | None = None,  # noqa: ARG002 - a run has one deadline
    ) -> RV:
        """Drive psycopg's own conversations; raise StoppedError when the run is over."""
        try:
            wanted = next(gen)
            while True:
                wanted = gen.send(self._ready(wanted))
        except StopIteration as end:
            result: RV = end.value
            return result

    def expect_little(self) -> None:
        """Count anew what the server says outside of a statement."""
        self._lately = Meter(self.pgconn.socket)

    def wait_for(self, events: int) -> int:
        """Wait as the run allows; raise OperationalError when the server has said too much."""
        if self._lately.exceeds(LITTLE_MAX_BYTES):
            raise OperationalError("the server says more than anybody asked for")
        return self.patience.wait(self.pgconn.socket, events)

    def is_worn_out(self) -> bool:
        """Return whether it has taken so much that it had better not be used again."""
        return self._ever.exceeds(LIFETIME_MAX_BYTES)

    def close(self) -> None:
        """Close the connection and say so, once."""
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            self._closed = True
            self.pgconn.finish()
            on_close()

    def _ready(self, wanted: Wait) -> int:
        reading = select.POLLIN if wanted & Wait.R else 0
        writing = select.POLLOUT if wanted & Wait.W else 0
        ready = self.wait_for(reading | writing)
        # An error or the other side's end is for libpq to read.
        readable = Ready.R if ready & ~select.POLLOUT else 0
        return readable | (Ready.W if ready & select.POLLOUT else 0)
