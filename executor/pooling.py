"""The connections of one pool: a SQLAlchemy engine, whose connections are never logged in here.

The engine gives the pool and the dialect. Its creator borrows under the grant of the run that needs
the connection. Whatever comes back to a pool without a reset under way, by whichever way, is
closed.
"""

import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from executor.waiting import Patience
from wire.faults import Fault, FaultCode, RefusedError
from wire.names import Handle


class Lent(Protocol):
    """A driver's connection on a session that was lent, whichever driver that is."""

    @property
    def handle(self) -> Handle:
        """Return what the vault calls it."""

    patience: Patience
    """Of the run that uses the connection now."""
    is_clean: bool
    """Whether nothing but a reset that was sent stands between a run and the next."""


L = TypeVar("L", bound=Lent)


class Need(NamedTuple):
    """On whose behalf a connection is borrowed, for what, and how long that may take."""

    grant: bytes
    patience: Patience
    read_only: bool


class Driver(NamedTuple, Generic[L]):
    """How connections of one kind are come by and kept clean."""

    url: str
    """All that an engine knows of any server: SQLAlchemy's names of a dialect and a driver."""
    options: Mapping[str, bool]
    kind: type[L]
    error: type[Exception]
    """What the driver raises, where SQLAlchemy has it look at a server for the first time."""
    open_one: Callable[[Need, Callable[[], None]], L]
    """Borrow one; the second argument is called once, when it is closed or never comes."""
    start_reset: Callable[[L], bool]
    finish_reset: Callable[[L], bool]


_need: Final[ContextVar[Need]] = ContextVar("need")


class Engine(Generic[L]):
    """The connections of one pool."""

    def __init__(self, slots: int, driver: Driver[L], on_gone: Callable[[], None]) -> None:
        self._driver = driver
        self._on_gone = on_gone
        self._changing = threading.Lock()
        self._alive = 0
        self._is_closing = False
        self._coming_back = threading.Condition()
        self._expected = 0
        self._pool = create_engine(
            driver.url,
            creator=self._create,
            poolclass=QueuePool,
            pool_size=slots,
            max_overflow=0,
            pool_reset_on_return=None,
            **driver.options,
        ).pool
        event.listen(self._pool, "checkin", self._close_unless_clean)

    def connect(self, need: Need) -> PoolProxiedConnection:
        """Take a connection out of the pool, or borrow one; raise what its borrowing raises."""
        with self._coming_back:
            self._coming_back.wait_for(self._is_settled, need.patience.left_s())
        token = _need.set(need)
        try:
            return self._pool.connect()
        finally:
            _need.reset(token)

    def expect(self, change: int) -> None:
        """Count the connections that are about to be given back.

        An answer leaves before its connection is back. Whoever asks again at once waits for that
        one: another login would be in vain, or one more than the server allows.
        """
        with self._coming_back:
            self._expected += change
            self._coming_back.notify_all()

    def give_back(self, lent: PoolProxiedConnection, *, is_reusable: bool) -> None:
        """Put a connection back, on its way to being clean; or close it."""
        is_clean_soon = False
        try:
            is_clean_soon = (
                is_reusable
                and not self._is_closing
                and self._driver.start_reset(self.connection_of(lent))
            )
        finally:
            if is_clean_soon:
                lent.close()
            else:
                lent.invalidate()
        if self._is_closing:
            # It may have gone back to the pool after `close` had emptied it.
            self._pool.dispose()

    def close(self) -> None:
        """Close what nobody uses, and the rest as it comes back; then say that all is gone."""
        with self._changing:
            self._is_closing = True
            is_gone = self._alive == 0
        if is_gone:
            self._on_gone()
        else:
            self._pool.dispose()

    def connection_of(self, lent: PoolProxiedConnection) -> L:
        """Return the driver's connection behind a pool's."""
        connection: object = lent.driver_connection
        if not isinstance(connection, self._driver.kind):
            raise TypeError("a pool of ours holds lent connections of one kind only")
        return connection

    def _is_settled(self) -> bool:
        has_idle = isinstance(self._pool, QueuePool) and self._pool.checkedin() > 0
        return has_idle or not self._expected

    def _create(self) -> L:
        with self._changing:
            if self._is_closing:
                raise RefusedError(Fault(code=FaultCode.INVALID_CONNECTION))
            self._alive += 1
        return self._driver.open_one(_need.get(), self._one_less)

    def _one_less(self) -> None:
        with self._changing:
            self._alive -= 1
            is_gone = self._is_closing and self._alive == 0
        if is_gone:
            self._on_gone()

    def _close_unless_clean(self, connection: object, entry: ConnectionPoolEntry) -> None:
        # Of a connection that nobody gave back, the garbage collector gives back the pool's place.
        if isinstance(connection, self._driver.kind) and not connection.is_clean:
            entry.invalidate()


class Checkout(Generic[L]):
    """One connection while a run uses it."""

    def __init__(self, engine: Engine[L], lent: PoolProxiedConnection, patience: Patience) -> None:
        self._engine = engine
        self._lent = lent
        self.connection: Final = engine.connection_of(lent)
        self.connection.patience = patience
        self._is_done = False

    def done(self) -> None:
        """Say that the connection is about to be given back."""
        self._is_done = True
        self._engine.expect(+1)

    def give_back(self, *, is_reusable: bool) -> None:
        """End the use; the connection is reset or closed."""
        try:
            self._engine.give_back(self._lent, is_reusable=is_reusable)
        finally:
            if self._is_done:
                self._engine.expect(-1)
