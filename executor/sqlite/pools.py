"""Connections to files, kept for a while: a SQLAlchemy pool for each principal, file and access.

It is the pool alone, without SQLAlchemy's dialect: that would add functions in Python to each
connection, regular expressions among them, and nobody could limit the time that they take. A pool
that nobody has used for a while is closed, whatever has become of its leases, so that an operator
may move or remove a file.
"""

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, TypeAlias

from sqlalchemy import create_pool_from_url
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from executor.sqlite.opening import FileConnection
from executor.waiting import Patience
from wire.names import PoolKey

IDLE_S: Final = 10.0
"""How long an unused pool keeps its files open."""

Open: TypeAlias = Callable[[PoolKey, Patience], FileConnection]

_patience: Final[ContextVar[Patience]] = ContextVar("patience")


class _Pool:
    """The connections of one pool, and whether anybody uses them."""

    def __init__(self, create: Callable[[], FileConnection], *, slots: int) -> None:
        self.connections = create_pool_from_url(
            "sqlite+pysqlite://",
            creator=create,
            poolclass=QueuePool,
            pool_size=slots,
            max_overflow=0,
            pool_reset_on_return=None,
        )
        self.users = 0
        self.used_at = 0.0


class Checkout:
    """One connection while a run uses it."""

    def __init__(
        self, taken: PoolProxiedConnection, patience: Patience, on_return: Callable[[], None]
    ) -> None:
        self._taken = taken
        self._on_return = on_return
        self.connection: Final = _connection_of(taken)
        self.connection.patience = patience

    def give_back(self, *, is_reusable: bool) -> None:
        """End the use; the connection is kept or closed."""
        try:
            if is_reusable:
                self._taken.close()
            else:
                self._taken.invalidate()
        finally:
            self._on_return()


class Pools:
    """Every pool of this file executor."""

    def __init__(self, slots: int, open_one: Open) -> None:
        self._slots = slots
        self._open_one = open_one
        self._changing = threading.Lock()
        self._pools: dict[PoolKey, _Pool] = {}

    def check_out(self, key: PoolKey, patience: Patience) -> Checkout:
        """Return a connection, kept or new; raise what opening one raises."""
        pool = self._enter(key)
        token = _patience.set(patience)
        try:
            return Checkout(pool.connections.connect(), patience, lambda: self._leave(pool))
        except BaseException:
            self._leave(pool)
            raise
        finally:
            _patience.reset(token)

    def close_idle(self, *, now: float) -> float | None:
        """Close what nobody has used for a while; return in how many seconds to look again."""
        with self._changing:
            idle = {key: pool for key, pool in self._pools.items() if not pool.users}
            over = {key for key, pool in idle.items() if now >= pool.used_at + IDLE_S}
            for key in over:
                self._pools.pop(key).connections.dispose()
            left = [pool.used_at + IDLE_S - now for key, pool in idle.items() if key not in over]
        return min(left, default=None)

    def close(self) -> None:
        """Close every connection that nobody uses."""
        with self._changing:
            for pool in self._pools.values():
                pool.connections.dispose()

    def _enter(self, key: PoolKey) -> _Pool:
        with self._changing:
            if key not in self._pools:
                self._pools[key] = _Pool(
                    lambda: self._open_one(key, _patience.get()), slots=self._slots
                )
            pool = self._pools[key]
            pool.users += 1
            return pool

    def _leave(self, pool: _Pool) -> None:
        with self._changing:
            pool.users -= 1
            pool.used_at = time.monotonic()


def _connection_of(taken: PoolProxiedConnection) -> FileConnection:
    connection: object = taken.driver_connection
    if not isinstance(connection, FileConnection):
        raise TypeError("a pool of ours holds connections to files only")
    return connection
