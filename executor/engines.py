"""Every pool of this executor: one for each principal, connection and access.

Nobody uses what another principal borrowed, for the key has the principal in it.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, Protocol

from sqlalchemy.exc import SQLAlchemyError

from executor.pooling import Checkout, Driver, Engine, L, Need
from executor.waiting import Patience
from wire.faults import Fault, FaultCode, RefusedError
from wire.names import PoolKey


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
