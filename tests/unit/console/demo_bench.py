"""A demo database for one test: its plan, its keeper, and its processes."""

import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg

from console.demo import DemoPlan, prepare

ROOT: Final = Path(__file__).resolve().parents[3]
ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}

# Prepares, starts the keeper as its child, says who is who, and stays.
PARENT: Final = """
import os, subprocess, sys
from console.demo import prepare
plan = prepare()
reading, writing = os.pipe()
keeper = subprocess.Popen([*plan.command, "--ready-fd", str(writing)], pass_fds=[writing])
os.read(reading, 6)
print(keeper.pid, plan.directory, flush=True)
sys.stdin.read()
"""


@contextmanager
def a_keeper(plan: DemoPlan) -> Iterator[subprocess.Popen[str]]:
    reading, writing = os.pipe()
    with subprocess.Popen(
        [*plan.command, "--ready-fd", str(writing)],
        env=ENVIRONMENT,
        pass_fds=[writing],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as keeper:
        os.close(writing)
        with os.fdopen(reading) as report:
            assert report.readline() == "ready\n"
        try:
            yield keeper
        finally:
            keeper.terminate()


@contextmanager
def a_plan(directory: Path | None = None) -> Iterator[DemoPlan]:
    plan = prepare(directory)
    try:
        yield plan
    finally:
        os.close(plan.secrets_fd)
        os.close(plan.lock_fd)
        shutil.rmtree(plan.directory, ignore_errors=True)


def credential(plan: DemoPlan, variable: str) -> tuple[str, str]:
    records = os.pread(plan.secrets_fd, 4096, 0).decode().split("\0")
    user, _, password = dict(r.split("=", 1) for r in records if r)[variable].partition(":")
    return user, password


def log_in(plan: DemoPlan, name: str) -> psycopg.Connection:
    connections = plan.configuration["connections"]
    assert isinstance(connections, dict)
    target = connections[name]
    user, password = credential(plan, target["credentialsEnv"])
    return psycopg.connect(
        host=target["host"],
        port=target["port"],
        dbname=target["database"],
        user=user,
        password=password,
        autocommit=True,
    )


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [p for child in children for p in (int(child), *descendants(int(child)))]


def until_gone(pids: list[int], *, within_s: float = 10) -> None:
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with os.fdopen(descriptor) as file:
            assert select.select([file], [], [], within_s)[0], f"process {pid} still runs"
