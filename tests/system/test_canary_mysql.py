"""No password of MySQL or MariaDB, and nothing that their plugins make of it, is left anywhere."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from console.scan.orphans import ORPHAN_ROLE
from console.scan.report import Report, Suspect
from tests.harness.certificates import Certificates
from tests.harness.clients import McpClient
from tests.harness.eventful import Eventful, works
from tests.harness.mariadb import MariadbServer
from tests.harness.memory import assert_nowhere
from tests.harness.mysql9 import Mysql9Server
from tests.harness.mysql_databases import MysqlDatabases
from tests.harness.system import System

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="reading other processes needs root")

FAILING = ("wrong", "nowhere")


@pytest.fixture(scope="module")
def tls(certificates: Certificates) -> dict[str, str]:
    return {"sslmode": "verify-full", "sslrootcert": str(certificates.roots)}


@pytest.fixture(scope="module")
def on_mariadb(mariadb: MariadbServer, tls: dict[str, str]) -> MysqlDatabases:
    made = MysqlDatabases(mariadb)
    made.add("native", plugin="mysql_native_password", **tls)
    made.add("signed", plugin="ed25519", **tls)
    made.add("plain", plugin="ed25519", sslmode="disable")
    return with_failing(made, "ed25519", tls)


@pytest.fixture(scope="module")
def on_mysql(mysql9: Mysql9Server, tls: dict[str, str]) -> MysqlDatabases:
    made = MysqlDatabases(mysql9)
    made.add("cached", plugin="caching_sha2_password", **tls)
    made.add("uncached", plugin="sha256_password", **tls)
    pinned = str(mysql9.public_key)
    made.add("keyed", plugin="caching_sha2_password", sslmode="disable", server_public_key=pinned)
    return with_failing(made, "caching_sha2_password", tls)


def with_failing(made: MysqlDatabases, plugin: str, tls: dict[str, str]) -> MysqlDatabases:
    for name in FAILING:
        made.add(name, plugin=plugin, **tls)
    made.connections["wrong"]["credentialsEnv"] = "WRONG_ON_PURPOSE"
    made.connections["nowhere"]["port"] = 1
    return made


@contextmanager
def a_system(accounts: MysqlDatabases) -> Iterator[System]:
    environment = dict(accounts.environment)
    del environment[accounts.variable("wrong")]
    environment["WRONG_ON_PURPOSE"] = f"{accounts.role('wrong')}:not{accounts.passwords['wrong']}"
    with System(
        configuration={"connections": accounts.connections}, credentials=environment
    ) as running:
        yield running


@pytest.fixture(scope="module")
def beside_mariadb(on_mariadb: MysqlDatabases) -> Iterator[System]:
    with a_system(on_mariadb) as running:
        yield running


@pytest.fixture(scope="module")
def beside_mysql(on_mysql: MysqlDatabases) -> Iterator[System]:
    with a_system(on_mysql) as running:
        yield running


def eventful(system: System, accounts: MysqlDatabases) -> Eventful:
    return Eventful(system=system, accounts=accounts, sleep="select sleep(20)", failing=FAILING)


def proved_absent(system: System, accounts: MysqlDatabases, name: str) -> Report:
    """Fail if a password, what is made of it, or one that never worked is anywhere."""
    spare = [(other, accounts.passwords[other].encode()) for other in FAILING]
    report = assert_nowhere(
        [Suspect(pid=one.pid, role=one.role) for one in system.status().processes],
        accounts.passwords[name].encode(),
        extra=[*accounts.derivatives(name), *spare],
        directories=[system.run_dir, system.directory],
    )
    assert all("secretmem" in gap.where for gap in report.unscanned), report.unscanned
    return report


def looked_into_a_relay(report: Report) -> bool:
    """Say whether one was there that the killed vault's login server had left behind."""
    return ORPHAN_ROLE in {part.role for part in report.parts}


@pytest.mark.timeout(180)
def test_on_mariadb_after_all_that_can_happen_password_and_hashes_are_nowhere(
    beside_mariadb: System, on_mariadb: MysqlDatabases
) -> None:
    for name in ("native", "signed", "plain"):
        eventful(beside_mariadb, on_mariadb).live(name)

        report = proved_absent(beside_mariadb, on_mariadb, name)
        assert on_mariadb.sessions(name)
        assert looked_into_a_relay(report) or name == "plain"


@pytest.mark.timeout(180)
def test_on_mysql_after_short_and_long_logins_password_and_hashes_are_nowhere(
    beside_mysql: System, on_mysql: MysqlDatabases, mysql9: Mysql9Server
) -> None:
    for name in ("cached", "uncached", "keyed"):
        mysql9.forget_logins()
        eventful(beside_mysql, on_mysql).live(name)

        report = proved_absent(beside_mysql, on_mysql, name)
        assert on_mysql.sessions(name)
        assert looked_into_a_relay(report) or name == "keyed"


@pytest.mark.parametrize("name", ["cached", "keyed"])
def test_a_relay_or_an_executor_whose_login_sent_the_password_itself_holds_none_of_it(
    beside_mysql: System, on_mysql: MysqlDatabases, mysql9: Mysql9Server, name: str
) -> None:
    mysql9.forget_logins()
    with McpClient.http(beside_mysql) as client:
        works(client, client.connect(name))

        proved_absent(beside_mysql, on_mysql, name)


def test_the_scan_finds_a_stored_hash_where_it_is_planted(
    beside_mariadb: System, on_mariadb: MysqlDatabases
) -> None:
    stored = dict(on_mariadb.derivatives("native"))["SHA1 of that"]
    planted = beside_mariadb.directory / "planted"
    planted.write_text(f"*{stored.hex().upper()}")
    try:
        with pytest.raises(AssertionError, match="not proved absent"):
            proved_absent(beside_mariadb, on_mariadb, "native")
    finally:
        planted.unlink()
