"""A client connects with a password of its own, through the whole system."""

from collections.abc import Iterator

import pytest

from tests.harness.clients import WAYS, Fields, McpClient, fault_of, open_client
from tests.harness.databases import Databases
from tests.harness.postgres import PostgresServer
from tests.harness.system import System
from tests.harness.waiting import until


@pytest.fixture(scope="module")
def databases(postgres: PostgresServer) -> Databases:
    made = Databases(postgres)
    made.add("named")
    made.add("brought")
    return made


@pytest.fixture(scope="module")
def system(databases: Databases) -> Iterator[System]:
    with System(
        configuration={
            "connections": {"named": databases.connections["named"]},
            "plaintextPasswords": "accept",
        },
        credentials={databases.variable("named"): databases.environment["NAMED_WORDS"]},
    ) as running:
        yield running


def storage(databases: Databases, **change: object) -> Fields:
    return {
        "storage_type": "postgresql",
        "host": "localhost",
        "port": databases.server.port,
        "database": "postgres",
        "username": databases.role("brought"),
        "password": databases.passwords["brought"],
        **change,
    }


@pytest.mark.parametrize("way", WAYS)
def test_the_answer_has_the_seeds_shape_and_its_id_runs_statements(
    system: System, databases: Databases, way: str
) -> None:
    with open_client(system, way) as client:
        answer = client.call("connect_storage", **storage(databases))
        connection_id = str(answer.pop("connection_id"))

        ran = client.execute(connection_id, "select current_user as name")

        assert answer == {
            "success": True,
            "type": "postgresql",
            "host": "localhost",
            "database": "postgres",
            "access": "read-write",
        }
        assert ran["rows"] == [{"name": databases.role("brought")}]
        assert client.call("disconnect_storage", connection_id=connection_id)["success"] is True
        until(lambda: not databases.sessions("brought"))
        assert fault_of(client.execute(connection_id, "select 1"))["code"] == "invalid_connection"


def test_its_id_goes_on_when_the_vault_and_an_executor_have_died(
    system: System, databases: Databases
) -> None:
    with McpClient.http(system) as client:
        answer = client.call("connect_storage", **storage(databases))
        connection_id = str(answer["connection_id"])

        for role in ("vault", "executor", "router", "vault"):
            system.wait_until_replaced(role, system.kill(role))
            assert client.execute(connection_id, "select 1")["success"] is True

        assert "connection_name" not in client.call(
            "connection_status", connection_id=connection_id
        )
        client.call("disconnect_storage", connection_id=connection_id)


def test_after_the_vaults_death_a_password_is_still_sealed_to_the_right_key(
    system: System, databases: Databases
) -> None:
    system.wait_until_replaced("vault", system.kill("vault"))
    with McpClient.http(system) as client:
        answer = client.call("connect_storage", **storage(databases))

        assert answer["success"] is True
        client.call("disconnect_storage", connection_id=answer["connection_id"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"password": "wrong"}, "login_failed"),
        ({"port": 1}, "database_unreachable"),
        ({"host": "169.254.169.254"}, "target_refused"),
        ({"host": "db.example"}, "target_refused"),
        ({"host": "127.1"}, "target_refused"),
        ({"storage_type": "mysql", "port": 1}, "database_unreachable"),
        ({"storage_type": "sqlite"}, "invalid_arguments"),
        ({"password": ""}, "invalid_arguments"),
    ],
)
def test_what_cannot_be_is_told_by_its_code(
    system: System, databases: Databases, change: Fields, code: str
) -> None:
    with McpClient.http(system) as client:
        answer = client.call("connect_storage", **storage(databases, **change))

    assert fault_of(answer)["code"] == code
    assert databases.passwords["brought"] not in str(answer)


def test_the_log_has_nothing_of_where_a_client_wanted_to_connect(
    system: System, databases: Databases
) -> None:
    before, log_before = len(system.events(event="login_failed")), len(system.log)
    with McpClient.http(system) as client:
        client.call(
            "connect_storage", **storage(databases, host="LocalHost", database="odd", username="od")
        )

    (failed,) = until(lambda: system.events(event="login_failed")[before:])
    assert str(failed["credential"]).startswith("dynamic:")
    assert [failed[name] for name in ("host", "port", "database")] == [None] * 3
    assert "localhost" not in system.log[log_before:].lower()


def test_a_named_connection_is_not_what_a_client_brought(
    system: System, databases: Databases
) -> None:
    with McpClient.http(system) as client:
        connection_id = client.call("connect_storage", **storage(databases))["connection_id"]

        assert "dynamic" not in str(client.call("list_connections"))
        client.call("disconnect_storage", connection_id=connection_id)
