"""Fixtures, and nothing but fixtures."""

from collections.abc import Iterator

import pytest

from tests.harness.postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL server that the whole session shares."""
    with PostgresServer() as server:
        yield server
