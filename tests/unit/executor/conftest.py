"""Fixtures of the executor's tests: a role, a vault that lends its sessions, and a bench."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from executor import guard
from executor.borrowing import VaultLink
from tests.harness.mysql_family import MysqlFamilyServer
from tests.harness.postgres import PostgresServer
from tests.unit.executor.file_bench import FileBench
from tests.unit.executor.mysql_login import MysqlLogin
from tests.unit.executor.standin_vault import Login, StandInVault
from tests.unit.executor.statement_bench import StatementBench, a_mysql_bench


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


@pytest.fixture
def no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard taken out: what holds a statement then is the transaction alone."""
    monkeypatch.setattr(guard, "refuse", lambda *_, **__: None)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[FileBench]:
    """Where statements are run on a file with one table, `t (n integer, word text)`."""
    path = tmp_path / "shop %?#é.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (n integer, word text)")
        connection.execute("insert into t values (1, 'one')")
    made = FileBench(path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def mysql_login(mysql_family: MysqlFamilyServer) -> MysqlLogin:
    """A user that may do anything in a database of its own, on each of the servers."""
    user, password = f"u_{secrets.token_hex(6)}", ":@/%' \"\\é" + secrets.token_urlsafe(9)
    mysql_family.create_user(user, password)
    mysql_family.create_database(user, user)
    return MysqlLogin(mysql_family, user, password)


@pytest.fixture
def mysql_vault(mysql_login: MysqlLogin) -> Iterator[StandInVault]:
    """A vault that lends sessions of that user."""
    with StandInVault(mysql_login) as made:
        yield made


@pytest.fixture
def mysql_bench(mysql_vault: StandInVault, adopt_dir: Path) -> Iterator[StatementBench]:
    """Where statements are run on that server."""
    with a_mysql_bench(mysql_vault.executors_end(), adopt_dir) as made:
        yield made


@pytest.fixture
def mysql_table(mysql_login: MysqlLogin) -> Iterator[str]:
    """A table of that user's with one integer column `n`."""
    name = f"t_{secrets.token_hex(4)}"
    mysql_login.sql(f"create table {name} (n int)")
    yield name
    mysql_login.sql(f"drop table if exists {name}")
