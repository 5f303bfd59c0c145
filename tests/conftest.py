"""Fixtures, and the check that no test's secrets are in any log."""

import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.harness.databases import Databases
from tests.harness.postgres import PostgresServer
from tests.harness.system import System

pytest_plugins = ["tests.harness.canary_check", "tests.harness.server_fixtures"]


def pytest_configure() -> None:
    """Have Ctrl-C end what the tests start, also where a shell started us in its background.

    Such a shell has its programs ignore SIGINT, and whatever those start inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL server that the whole session shares."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="module")
def databases(postgres: PostgresServer) -> Databases:
    """A read-write and a read-only connection, each with a role and a password of its own."""
    made = Databases(postgres)
    made.add("writer")
    made.add("reader", access="read-only")
    postgres.admin_sql(
        f"create table if not exists notes_{made.role('writer')} (id serial primary key, text text)"
    )
    postgres.admin_sql(f"alter table notes_{made.role('writer')} owner to {made.role('writer')}")
    return made


@pytest.fixture(scope="module")
def system(databases: Databases) -> Iterator[System]:
    """A running system with those two connections."""
    with System(
        configuration={"connections": databases.connections}, credentials=databases.environment
    ) as running:
        yield running


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory whose path leaves room for that of a socket, wherever pytest keeps its own."""
    with TemporaryDirectory(prefix="sr-", dir="/tmp") as path:
        yield Path(path)
