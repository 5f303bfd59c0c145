"""How fast one query's journey is, beside psycopg on one connection in the same run.

    .venv/bin/python -m bench.journey

Starts a server and a system of its own. Trust the ratios and the CPU per request, not the
absolute figures.
"""

import argparse
import os
import secrets
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from bench.load import Sample, call, drive, request_bytes
from tests.harness.postgres import PostgresServer
from tests.harness.system import System

ROWS = (
    "select n, 'name ' || n as name, n * 1.5 as price, n % 2 = 0 as even, now() as at "
    "from generate_series(1, 1000) n"
)
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def floor(server: PostgresServer, user: str, password: str, sql: str, seconds: float) -> float:
    with psycopg.connect(
        host=server.host, port=server.port, user=user, password=password, dbname="postgres"
    ) as connection:
        connection.autocommit = True
        started, count = time.perf_counter(), 0
        while time.perf_counter() < started + seconds:
            connection.execute(sql).fetchall()
            count += 1
        return count / (time.perf_counter() - started)


def measure(system: System, run: Callable[[], Sample]) -> tuple[Sample, dict[str, float]]:
    pids = {process.name: process.pid for process in system.status().processes}
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    sample = run()
    calls = max(1, len(sample.latencies_ms))
    used = {name: (cpu_seconds(pid) - before[name]) / calls * 1e6 for name, pid in pids.items()}
    return sample, {name: us for name, us in used.items() if us >= 1}


def configuration_for(server: PostgresServer) -> dict[str, object]:
    connection = {
        "type": "postgresql",
        "host": server.host,
        "port": server.port,
        "database": "postgres",
        "credentialsEnv": "BENCH_CREDENTIALS",
    }
    return {"connections": {"bench": connection}}


def compare(system: System, label: str, sql: str, *, base: float, seconds: float) -> None:
    """Print what 1 and 16 callers get of *sql*, beside *base* calls a second without us."""
    where = urlsplit(system.url)
    host, port, token = where.hostname or "", where.port or 0, system.token
    opened = call(host, port, token, "connect_named_storage", {"connection_name": "bench"})
    arguments = {"connection_id": opened["connection_id"], "query": sql}
    request = request_bytes(host, port, token, "execute_query", arguments)
    print(f"{label}: psycopg on one connection {base:,.0f}/s")
    for callers in (1, 16):
        run = partial(drive, host, port, request, callers=callers)
        run(seconds=0.5)
        sample, cpu = measure(system, partial(run, seconds=seconds))
        report(callers, sample, cpu, base=base)


def report(callers: int, sample: Sample, cpu: dict[str, float], *, base: float) -> None:
    used = "  ".join(f"{name} {us:.0f}" for name, us in sorted(cpu.items()))
    share, p50, p99 = sample.per_second / base, sample.percentile(0.5), sample.percentile(0.99)
    print(f"  {callers:2} callers: {sample.per_second:,.0f}/s, {share:.2f} psycopg")
    print(f"     p50 {p50:.2f} ms, p99 {p99:.2f} ms; CPU us a request: {used}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--executors", type=int, default=2)
    parser.add_argument("--gateways", type=int, default=1)
    options = parser.parse_args()
    password = secrets.token_urlsafe(18)
    with PostgresServer() as server:
        server.create_role("bench", password)
        with System(
            configuration=configuration_for(server),
            credentials={"BENCH_CREDENTIALS": f"bench:{password}"},
            executors=options.executors,
            gateways=options.gateways,
        ) as system:
            for label, sql in (("SELECT 1", "select 1"), ("1,000 rows x 5", ROWS)):
                base = floor(server, "bench", password, sql, options.seconds)
                compare(system, label, sql, base=base, seconds=options.seconds)


if __name__ == "__main__":
    main()
