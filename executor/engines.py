"""One SQLAlchemy engine per pool, whose connections are borrowed and never logged in here.

The engine gives the pool and the dialect. Its creator borrows under the grant of the run that needs
the connection. The key has the principal in it, so nobody uses what another one borrowed. Whatever
comes back to a pool without a reset under way, by whichever way, is closed.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from executor.waiting import Patience
from wire.faults import Fault, FaultCode, RefusedError
from wire.names import Handle, PoolKey


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

    def give_back(self, *, is_reusable: bool) -> None:
        """End the use; the connection is reset or closed."""
        self._engine.give_back(self._lent, is_reusable=is_reusable)


class Engines(Generic[L]):
    """Every engine of this executor that has the same driver."""

    def __init__(self, slots: int, driver: Driver[L], on_gone: Callable[[PoolKey], None]) -> None:
        self._slots = slots
        self._driver = driver
        self._on_gone = on_gone
        self._changing = threading.Lock()
        self._engines: dict[PoolKey, Engine[L]] = {}
        self._closing: dict[PoolKey, int] = {}

    def check_out(self, pool: PoolKey, grant: bytes, patience: Patience) -> Checkout[L]:
        """Return a clean, living connection; raise RefusedError or StoppedError."""
        # At worst every pooled one has died, and the next is new.
        for _ in range(self._slots + 1):
            checkout = self._connect(pool, Need(grant, patience, pool.access == "read-only"))
            is_usable = False
            try:
                is_usable = self._driver.finish_reset(checkout.connection)
            finally:
                if not is_usable:
                    checkout.give_back(is_reusable=False)
            if is_usable:
                return checkout
        raise RefusedError(Fault(code=FaultCode.UNAVAILABLE))

    def knows(self, pool: PoolKey) -> bool:
        """Return whether *pool* has an engine here, or one that is being closed."""
        with self._changing:
            return pool in self._engines or pool in self._closing

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

    def _connect(self, pool: PoolKey, need: Need) -> Checkout[L]:
        engine = self._engine(pool)
        try:
            return Checkout(engine, engine.connect(need), need.patience)
        except (self._driver.error, SQLAlchemyError):
            # The dialect's first look at the server failed; what it says stays here.
            raise RefusedError(Fault(code=FaultCode.UNAVAILABLE)) from None

    def _engine(self, pool: PoolKey) -> Engine[L]:
        with self._changing:
            if pool not in self._engines:
                self._engines[pool] = Engine(
                    self._slots, self._driver, lambda: self._engine_gone(pool)
                )
            return self._engines[pool]

    def _engine_gone(self, pool: PoolKey) -> None:
        with self._changing:
            left = self._closing.pop(pool) - 1
            if left:
                self._closing[pool] = left
        if not left:
            self._on_gone(pool)


class Disposable(Protocol):
    """The engines of one driver, as far as their end goes."""

    def knows(self, pool: PoolKey) -> bool:
        """Return whether *pool* has an engine here, or one that is being closed."""

    def dispose(self, pool: PoolKey) -> None:
        """Close the engine of *pool*; say so when its last connection is closed."""

    def close(self) -> None:
        """Close every engine."""


class EveryEngine:
    """The engines of all drivers together; a pool is of one of them."""

    def __init__(self, engines: Sequence[Disposable], on_gone: Callable[[PoolKey], None]) -> None:
        self._engines = engines
        self._on_gone = on_gone

    def dispose(self, pool: PoolKey) -> None:
        """Close the engine of *pool*; say so when its last connection is closed."""
        for engines in self._engines:
            if engines.knows(pool):
                engines.dispose(pool)
                return
        self._on_gone(pool)

    def close(self) -> None:
        """Close every engine."""
        for engines in self._engines:
            engines.close()
