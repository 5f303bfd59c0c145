"""MySQL with a password that comes with the call; short and long logins at MySQL 9."""

from collections.abc import Iterator

import pytest

from tests.harness.certificates import Certificates
from tests.harness.clients import Fields, McpClient, fault_of
from tests.harness.databases import Databases
from tests.harness.mariadb import MariadbServer
from tests.harness.mysql9 import Mysql9Server
from tests.harness.mysql_databases import MysqlDatabases
from tests.harness.system import System
from tests.harness.waiting import until

SESSION = "select connection_id() as id"


@pytest.fixture(scope="module")
def system(databases: Databases) -> Iterator[System]:
    """A system in which clients bring what they need; that of PostgreSQL is nobody's here."""
    with System(
        configuration={"connections": databases.connections, "plaintextPasswords": "accept"},
        credentials=databases.environment,
    ) as made:
        yield made


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[McpClient]:
    with McpClient.http(system) as made:
        yield made


@pytest.fixture
def other(system: System) -> Iterator[McpClient]:
    """Another principal."""
    with McpClient.stdio(str(system.run_dir), env=system.environment()) as made:
        yield made


@pytest.fixture(scope="module")
def on_mariadb(mariadb: MariadbServer) -> MysqlDatabases:
    made = MysqlDatabases(mariadb)
    made.add("signed", plugin="ed25519")
    made.add("native", plugin="mysql_native_password")
    return made


@pytest.fixture(scope="module")
def on_mysql(mysql9: Mysql9Server) -> MysqlDatabases:
    made = MysqlDatabases(mysql9)
    made.add("cached", plugin="caching_sha2_password")
    return made


def storage(accounts: MysqlDatabases, name: str) -> Fields:
    return {
        "storage_type": "mysql",
        "host": "127.0.0.1",
        "port": accounts.server.port,
        "database": accounts.role(name),
        "username": accounts.role(name),
        "password": accounts.passwords[name],
    }


def connected(client: McpClient, storage: Fields) -> str:
    answer = client.call("connect_storage", **storage)
    assert answer["success"] is True, answer
    return str(answer["connection_id"])


def test_a_client_brings_a_password_for_mariadb_writes_and_leaves_no_session(
    client: McpClient, on_mariadb: MysqlDatabases
) -> None:
    connection_id = connected(client, storage(on_mariadb, "signed"))

    client.execute(connection_id, "create table brought (word varchar(9))")
    written = client.execute(connection_id, "insert into brought values (:w)", w="ü")
    read = client.execute(connection_id, "select word from brought")
    client.call("disconnect_storage", connection_id=connection_id)

    assert (written["affected_rows"], read["rows"]) == (1, [{"word": "ü"}])
    until(lambda: not on_mariadb.sessions("signed"))


def test_two_principals_with_the_same_password_have_no_session_between_them(
    client: McpClient, other: McpClient, on_mariadb: MysqlDatabases
) -> None:
    both = [(made, connected(made, storage(on_mariadb, "signed"))) for made in (client, other)]

    seen = [made.execute(its_id, SESSION)["rows"] for made, its_id in (*both, *both)]

    for made, its_id in both:
        made.call("disconnect_storage", connection_id=its_id)
    assert seen[0] != seen[1]
    assert seen[2:] == seen[:2]


def test_no_client_is_let_in_by_a_plugin_that_is_weaker_than_the_minimum(
    client: McpClient, on_mariadb: MysqlDatabases
) -> None:
    answer = client.call("connect_storage", **storage(on_mariadb, "native"))

    assert fault_of(answer)["code"] == "login_failed"
    assert "native" not in str(answer)


def test_without_tls_a_password_is_proved_where_the_server_remembers_it_and_never_sent(
    client: McpClient, on_mysql: MysqlDatabases, mysql9: Mysql9Server
) -> None:
    mysql9.forget_logins()
    cold = client.call("connect_storage", **storage(on_mysql, "cached"))
    # By TLS, after which the server remembers it.
    mysql9.connect(on_mysql.role("cached"), on_mysql.passwords["cached"]).close()

    connection_id = connected(client, storage(on_mysql, "cached"))

    assert fault_of(cold)["code"] == "login_failed"
    assert client.execute(connection_id, "select 1 as n")["rows"] == [{"n": 1}]
    client.call("disconnect_storage", connection_id=connection_id)


@pytest.mark.parametrize("has_tls", [True, False])
def test_a_configured_login_works_whether_or_not_the_server_remembers_the_password(
    mysql9: Mysql9Server, certificates: Certificates, *, has_tls: bool
) -> None:
    made = MysqlDatabases(mysql9)
    tls = {"sslmode": "verify-full", "sslrootcert": str(certificates.roots)}
    keyed = {"sslmode": "disable", "server_public_key": str(mysql9.public_key)}
    made.add("either", plugin="caching_sha2_password", **(tls if has_tls else keyed))
    mysql9.forget_logins()

    with (
        System(
            configuration={"connections": made.connections}, credentials=made.environment
        ) as system,
        McpClient.http(system) as client,
    ):
        for _ in ("long", "short"):
            connection_id = client.connect("either")
            assert client.execute(connection_id, "select 1 as n")["rows"] == [{"n": 1}]
            client.call("disconnect_storage", connection_id=connection_id)
            until(lambda: not made.sessions("either"))
