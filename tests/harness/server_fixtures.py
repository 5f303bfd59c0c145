"""Fixtures of the servers that are not in a pip package: one of each for the whole session.

Where one cannot be had, its tests are skipped, and the summary says which and why.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import mariadb as mariadb_servers
from tests.harness import mysql9 as mysql9_servers
from tests.harness import pgbouncer as poolers
from tests.harness import postgres_debian
from tests.harness.certificates import Certificates
from tests.harness.mariadb import MariadbServer
from tests.harness.mysql9 import Mysql9Server
from tests.harness.mysql_family import MysqlFamilyServer
from tests.harness.pgbouncer import PgBouncer
from tests.harness.postgres import PostgresServer
from tests.harness.postgres_debian import PostgresTlsServer
from tests.harness.server_programs import Programs, programs_of


def programs_or_skip(name: str) -> Programs:
    """Return a server's programs; skip the test where this machine cannot have them."""
    found = programs_of(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine; scripts/server_packages.py says why")
    return found


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of every kind, and the authorities behind them."""
    return Certificates(Path(tmp_path_factory.mktemp("certificates")))


@pytest.fixture(scope="session")
def postgres15(certificates: Certificates) -> Iterator[PostgresTlsServer]:
    """A running PostgreSQL 15 with TLS, and its groups."""
    programs = programs_or_skip(postgres_debian.NAME)
    with PostgresTlsServer(certificates, programs=programs) as server:
        server.create_groups()
        yield server


@pytest.fixture(scope="session")
def mariadb(certificates: Certificates) -> Iterator[MariadbServer]:
    """A running MariaDB 10.11."""
    with MariadbServer(programs_or_skip(mariadb_servers.NAME), certificates) as server:
        yield server


@pytest.fixture(scope="session")
def mysql9(certificates: Certificates) -> Iterator[Mysql9Server]:
    """A running MySQL 9."""
    with Mysql9Server(programs_or_skip(mysql9_servers.NAME), certificates) as server:
        yield server


@pytest.fixture(scope="session", params=["mariadb", "mysql9"])
def mysql_family(request: pytest.FixtureRequest) -> MysqlFamilyServer:
    """Each of the servers that speak MySQL's protocol, one after the other."""
    server = request.getfixturevalue(request.param)
    assert isinstance(server, MysqlFamilyServer)
    return server


@pytest.fixture(scope="session")
def pgbouncer(certificates: Certificates, postgres: PostgresServer) -> Iterator[PgBouncer]:
    """A running PgBouncer by sessions, before the PostgreSQL of the session."""
    with PgBouncer(programs_or_skip(poolers.NAME), certificates, postgres) as pooler:
        yield pooler
