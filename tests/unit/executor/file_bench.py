"""A file executor without its loop: statements go in, what the client reads comes out."""

import os
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from executor.sqlite.executions import FileExecutions
from executor.sqlite.settings import FileAccess, FileExecutorSettings
from executor.waiting import Bell, Patience
from tests.unit.executor.statement_bench import (
    LIMITS,
    Answer,
    Asked,
    a_payload,
    a_run,
    structured,
)
from wire.logs import Log
from wire.names import Access, ConnectionName, PoolKey, Principal

THREADS = 16
ACCESSES: dict[str, Access] = {"writer": "read-write", "reader": "read-only"}


def some_settings(path: Path, roots: tuple[Path, ...] = ()) -> FileExecutorSettings:
    return FileExecutorSettings(
        slots=THREADS,
        roots=tuple(str(root) for root in roots or (path.parent,)),
        files={
            ConnectionName(name): FileAccess(path=str(path), access=access)
            for name, access in ACCESSES.items()
        },
        rows_max=LIMITS["rows_max"],
        result_max_bytes=LIMITS["result_max_bytes"],
        statement_ms=30_000,
    )


class FileBench:
    """One file under two names, `writer` and `reader`, and threads to use it from."""

    def __init__(self, path: Path, *, roots: tuple[Path, ...] = ()) -> None:
        self.path = path
        self.executions = FileExecutions(
            some_settings(path, roots), Log("file-executor"), wake=lambda: None
        )
        self.accesses = dict(ACCESSES)
        """What the leases say."""
        self._threads = ThreadPoolExecutor(THREADS)

    def close(self) -> None:
        self._threads.shutdown()
        self.executions.pools.close()

    def start(
        self, query: str | None, name: str = "writer", *, within_s: float = 20.0, **params: object
    ) -> Asked:
        """Start one statement; without one, only look whether the file opens."""
        payload = b"" if query is None else a_payload(query, params)
        return self.start_payload(payload, name, within_s=within_s)

    def start_payload(
        self, payload: bytes, name: str = "writer", *, within_s: float = 20.0
    ) -> Asked:
        patience = Patience(time.monotonic() + within_s)
        return Asked(patience, self._threads.submit(self._ask, name, payload, patience))

    def ask(
        self, query: str | None, name: str = "writer", *, within_s: float = 20.0, **params: object
    ) -> Answer:
        return self.start(query, name, within_s=within_s, **params).answer()

    def _ask(self, name: str, payload: bytes, patience: Patience) -> Answer:
        bell = Bell()
        try:
            patience.belongs_to(bell)
            pool = PoolKey(Principal("token:alice"), ConnectionName(name), self.accesses[name])
            reply = self.executions.execute(a_run(pool), payload, patience)
            reply.afterwards()
        finally:
            os.close(bell.fileno())
        return structured(reply.payload)

    def admin(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement beside us, on a connection of its own."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return connection.execute(statement).fetchall()

    @contextmanager
    def locked(self) -> Iterator[sqlite3.Connection]:
        """Have the file locked by somebody else."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("begin exclusive")
            yield connection
