"""Fixtures of the vault's tests."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.harness.mysql_family import MysqlFamilyServer
from tests.harness.postgres import PostgresServer
from tests.harness.vault_alone import VaultAlone
from tests.unit.vault import bringing
from tests.unit.vault.making import Account, the_settings
from tests.unit.vault.mysql_lines import Dial, Line


@pytest.fixture
def account(postgres: PostgresServer) -> Account:
    """A role of this test alone, with an odd password."""
    return Account(postgres, f":@/%' \"\\é{secrets.token_urlsafe(12)}")


@pytest.fixture
def vault(account: Account) -> Iterator[VaultAlone]:
    """A real vault that knows that role's database as `main`."""
    with VaultAlone(the_settings(account.connection()), account.environment()) as running:
        yield running


@pytest.fixture
def accepting(account: Account) -> Iterator[VaultAlone]:
    """One that takes passwords of clients as well, for this machine."""
    with VaultAlone(bringing.settings(account), account.environment()) as running:
        yield running


@pytest.fixture
def dial_mysql() -> Iterator[Dial]:
    """What connects to a MySQL or MariaDB server, until the test is over."""
    with ExitStack() as opened:

        def connect(server: MysqlFamilyServer) -> Line:
            line = Line(server)
            opened.callback(line.close)
            return line

        yield connect
