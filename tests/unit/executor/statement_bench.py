"""An executor without its loop: statements go in, what the client reads comes out."""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import msgspec

from executor.borrowing import VaultLink
from executor.executions import Executions
from executor.replies import Reply
from executor.settings import ExecutorSettings
from executor.waiting import Bell, Patience
from wire.messages import Run
from wire.names import (
    Access,
    ConnectionId,
    ConnectionName,
    Engine,
    PoolKey,
    Principal,
    RunId,
)

Answer: TypeAlias = dict[str, object]

LIMITS = {"rows_max": 2_000, "result_max_bytes": 1 << 20}


def a_pool(access: Access = "read-write", principal: str = "token:alice") -> PoolKey:
    return PoolKey(Principal(principal), ConnectionName("db"), access)


def some_settings(directory: Path) -> ExecutorSettings:
    return ExecutorSettings(
        slots=4,
        adopt_dir=str(directory),
        rows_max=LIMITS["rows_max"],
        result_max_bytes=LIMITS["result_max_bytes"],
        statement_ms=30_000,
    )


def a_run(
    pool: PoolKey, number: int = 1, deadline_ms: int = 30_000, engine: Engine = "postgresql"
) -> Run:
    return Run(
        run_id=RunId(number),
        connection_id=ConnectionId("c" * 43),
        pool=pool,
        engine=engine,
        grant=b"a grant",
        deadline_ms=deadline_ms,
    )


def a_payload(query: str, params: dict[str, object] | None = None) -> bytes:
    return json.dumps(
        {"connection_id": "c" * 43, "query": query, "params": params or {}}, ensure_ascii=False
    ).encode()


@contextmanager
def a_mysql_bench(executors_end: int, directory: Path) -> Iterator["StatementBench"]:
    """Lend a bench of its own link to a vault, whose other end is *executors_end*."""
    link = VaultLink()
    link.connect(executors_end)
    made = StatementBench(link, directory, "mysql")
    yield made
    made.close()
    link.disconnect()


class Asked:
    """One statement under way in a thread of its own."""

    def __init__(self, patience: Patience, future: Future[Answer]) -> None:
        self.patience = patience
        self._future = future

    def answer(self) -> Answer:
        return self._future.result(20)


class StatementBench:
    """Runs statements as the slots do."""

    def __init__(self, link: VaultLink, directory: Path, engine: Engine = "postgresql") -> None:
        self.link = link
        self._engine = engine
        self.executions = Executions(some_settings(directory), link)
        self._threads = ThreadPoolExecutor(4)

    def close(self) -> None:
        self.executions.engines.close()
        self._threads.shutdown()

    def start(
        self,
        query: str,
        *,
        pool: PoolKey | None = None,
        within_s: float = 15.0,
        **params: object,
    ) -> Asked:
        payload = a_payload(query, params)
        patience = Patience(time.monotonic() + within_s)
        run = a_run(pool or a_pool(), engine=self._engine)
        return Asked(patience, self._threads.submit(self._ask, run, payload, patience))

    def ask(
        self,
        query: str,
        *,
        pool: PoolKey | None = None,
        within_s: float = 15.0,
        **params: object,
    ) -> Answer:
        return self.start(query, pool=pool, within_s=within_s, **params).answer()

    def begin(self, query: str) -> Reply:
        """Return a reply whose connection has yet to be given back, by `afterwards`."""
        patience = Patience(time.monotonic() + 15)
        return self.executions.execute(
            a_run(a_pool(), engine=self._engine), a_payload(query), patience
        )

    def _ask(self, run: Run, payload: bytes, patience: Patience) -> Answer:
        bell = Bell()
        try:
            patience.belongs_to(bell)
            reply = self.executions.execute(run, payload, patience)
            reply.afterwards()
        finally:
            os.close(bell.fileno())
        return structured(reply.payload)


def structured(payload: bytes) -> Answer:
    """Return the structured content, having seen that the text says the same."""
    result = msgspec.json.decode(payload, type=dict[str, object])
    content, answer = result["content"], result["structuredContent"]
    assert isinstance(content, list)
    assert isinstance(answer, dict)
    assert json.loads(content[0]["text"]) == answer
    assert result["isError"] is not answer["success"]
    return answer


def rows(answer: Answer) -> list[dict[str, object]]:
    found = answer.get("rows")
    assert isinstance(found, list), answer
    return found


def fault(answer: Answer) -> dict[str, object]:
    found = answer.get("fault")
    assert isinstance(found, dict), answer
    return found
