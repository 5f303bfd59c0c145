"""One SQLAlchemy engine per pool, whose connections are borrowed and never logged in here.

The engine gives the pool and the dialect. Its creator borrows under the grant of the run that needs
the connection. The key has the principal in it, so nobody uses what another one borrowed. Whatever
comes back to a pool without a reset under way, by whichever way, is closed.
"""

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, NamedTuple, TypeAlias

from psycopg import Error
from sqlalchemy import create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from executor.adopt.lent import LentConnection
from executor.cleaning import finish_reset, start_reset
from executor.waiting import Patience
from wire.faults import Fault, FaultCode, RefusedError
from wire.names import PoolKey


class Need(NamedTuple):
    """On whose behalf a connection is borrowed, and how long that may take."""

    grant: bytes
    patience: Patience


Open: TypeAlias = Callable[[Need, Callable[[], None]], LentConnection]
"""Borrow one connection; the second argument is called once, when it is closed or never comes."""

_need: Final[ContextVar[Need]] = ContextVar("need")


class Engine:
    """The connections of one pool."""

    def __init__(self, slots: int, open_one: Open, on_gone: Callable[[], None]) -> None:
        self._open_one = open_one
        self._on_gone = on_gone
        self._changing = threading.Lock()
        self._alive = 0
        self._is_closing = False
        # The URL is all that the engine knows of any server: a dialect and a driver.
        self._pool = create_engine(
            "postgresql+psycopg://",
            creator=self._create,
            poolclass=QueuePool,
            pool_size=slots,
            max_overflow=0,
            pool_reset_on_return=None,
            use_native_hstore=False,
        ).pool
        event.listen(self._pool, "checkin", _close_unless_clean)

    def connect(self, need: Need) -> PoolProxiedConnection:
        """Take a connection out of the pool, or borrow one; raise what its borrowing raises."""
        token = _need.set(need)
        try:
            return self._pool.connect()
        finally:
            _need.reset(token)

    def give_back(self, lent: PoolProxiedConnection, *, is_reusable: bool) -> None:
        """Put a connection back, on its way to being clean; or close it."""
        is_clean_soon = False
        try:
            is_clean_soon = (
                is_reusable and not self._is_closing and start_reset(connection_of(lent))
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

    def _create(self) -> LentConnection:
        with self._changing:
            if self._is_closing:
                raise RefusedError(Fault(code=FaultCode.INVALID_CONNECTION))
            self._alive += 1
        return self._open_one(_need.get(), self._one_less)

    def _one_less(self) -> None:
        with self._changing:
            self._alive -= 1
            is_gone = self._is_closing and self._alive == 0
        if is_gone:
            self._on_gone()


class Checkout:
    """One connection while a run uses it."""

    def __init__(self, engine: Engine, lent: PoolProxiedConnection, patience: Patience) -> None:
        self._engine = engine
        self._lent = lent
        self.connection: Final = connection_of(lent)
        self.connection.patience = patience

    def give_back(self, *, is_reusable: bool) -> None:
        """End the use; the connection is reset or closed."""
        self._engine.give_back(self._lent, is_reusable=is_reusable)


class Engines:
    """Every engine of this executor."""

    def __init__(self, slots: int, open_one: Open, on_gone: Callable[[PoolKey], None]) -> None:
        self._slots = slots
        self._open_one = open_one
        self._on_gone = on_gone
        self._changing = threading.Lock()
        self._engines: dict[PoolKey, Engine] = {}
        self._closing: dict[PoolKey, int] = {}

    def check_out(self, pool: PoolKey, grant: bytes, patience: Patience) -> Checkout:
        """Return a clean, living connection; raise RefusedError or StoppedError."""
        # At worst every pooled one has died, and the next is new.
        for _ in range(self._slots + 1):
            checkout = self._connect(pool, Need(grant, patience))
            is_usable = False
            try:
                is_usable = finish_reset(checkout.connection)
            finally:
                if not is_usable:
                    checkout.give_back(is_reusable=False)
            if is_usable:
                return checkout
        raise RefusedError(Fault(code=FaultCode.UNAVAILABLE))

    def dispose(self, pool: PoolKey) -> None:
        """Close the engine of *pool*; say so when its last connection is closed."""
        with self._changing:
            engine = self._engines.pop(pool, None)
            if engine is not None:
                self._closing[pool] = self._closing.get(pool, 0) + 1
            is_gone = pool not in self._closing
        if is_gone:
            self._on_gone(pool)
        elif engine is not None:
            engine.close()

    def close(self) -> None:
        """Close every engine."""
        with self._changing:
            pools = list(self._engines)
        for pool in pools:
            self.dispose(pool)

    def _connect(self, pool: PoolKey, need: Need) -> Checkout:
        engine = self._engine(pool)
        try:
            return Checkout(engine, engine.connect(need), need.patience)
        except (Error, SQLAlchemyError):
            # The dialect's first look at the server failed; what it says stays here.
            raise RefusedError(Fault(code=FaultCode.UNAVAILABLE)) from None

    def _engine(self, pool: PoolKey) -> Engine:
        with self._changing:
            if pool not in self._engines:
                self._engines[pool] = Engine(
                    self._slots, self._open_one, lambda: self._engine_gone(pool)
                )
            return self._engines[pool]

    def _engine_gone(self, pool: PoolKey) -> None:
        with self._changing:
            left = self._closing.pop(pool) - 1
            if left:
                self._closing[pool] = left
        if not left:
            self._on_gone(pool)


def _close_unless_clean(connection: object, entry: ConnectionPoolEntry) -> None:
    # Of a connection that nobody gave back, the garbage collector gives back the pool's place.
    if isinstance(connection, LentConnection) and not connection.is_clean:
        entry.invalidate()


def connection_of(lent: PoolProxiedConnection) -> LentConnection:
    """Return the driver's connection behind a pool's."""
    connection: object = lent.driver_connection
    if not isinstance(connection, LentConnection):
        raise TypeError("a pool of ours holds lent connections only")
    return connection
