"""Fixtures of the executor's tests: a role, a vault that lends its sessions, and a bench."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from executor.borrowing import VaultLink
from tests.harness.postgres import PostgresServer
from tests.unit.executor.standin_vault import Login, StandInVault
from tests.unit.executor.statement_bench import StatementBench


@pytest.fixture(scope="module")
def login(postgres: PostgresServer) -> Login:
    """A role that may make tables in a schema of its own."""
    user, password = f"u_{secrets.token_hex(6)}", ":@/%' \"\\é" + secrets.token_urlsafe(9)
    postgres.create_role(user, password)
    postgres.admin_sql(f"create schema {user} authorization {user}")
    return Login(postgres, user, password)


@pytest.fixture
def vault(login: Login) -> Iterator[StandInVault]:
    """A vault that lends sessions of that role."""
    with StandInVault(login) as made:
        yield made


@pytest.fixture
def link(vault: StandInVault) -> Iterator[VaultLink]:
    """An executor's link to that vault."""
    made = VaultLink()
    made.connect(vault.executors_end())
    yield made
    made.disconnect()


@pytest.fixture
def adopt_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a path short enough for sockets."""
    return tmp_path_factory.mktemp("a")


@pytest.fixture
def bench(link: VaultLink, adopt_dir: Path) -> Iterator[StatementBench]:
    """Where statements are run."""
    made = StatementBench(link, adopt_dir)
    yield made
    made.close()


@pytest.fixture
def own_table(login: Login) -> Iterator[str]:
    """A table of the role's own, with one integer column `n`."""
    name = f"{login.user}.t_{secrets.token_hex(4)}"
    login.server.admin_sql(f"create table {name} (n int)")
    login.server.admin_sql(f"alter table {name} owner to {login.user}")
    yield name
    login.server.admin_sql(f"drop table {name}")
