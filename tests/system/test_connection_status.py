"""What `connection_status` tells an agent of its connection, and nobody else."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.harness.clients import McpClient, fault_of, open_client
from tests.harness.databases import Databases
from tests.harness.system import System
from tests.harness.waiting import until

Fields = dict[str, object]


@pytest.fixture
def client(system: System) -> Iterator[McpClient]:
    with McpClient.http(system) as made:
        yield made


@contextmanager
def connected(client: McpClient, name: str) -> Iterator[str]:
    """Lend a connection id whose pool is closed afterwards."""
    connection_id = client.connect(name)
    yield connection_id
    client.call("disconnect_storage", connection_id=connection_id)


def status(client: McpClient, connection_id: str) -> Fields:
    return client.call("connection_status", connection_id=connection_id)


def part(answer: Fields, name: str) -> Fields:
    found = answer[name]
    assert isinstance(found, dict), answer
    return found


def test_a_new_connection_is_healthy_and_unused(client: McpClient, databases: Databases) -> None:
    with connected(client, "reader") as connection_id:
        answer = status(client, connection_id)

    assert answer["success"] is True, answer
    assert {name: answer[name] for name in ("connection_id", "connection_name", "type")} == {
        "connection_id": connection_id,
        "connection_name": "reader",
        "type": "postgresql",
    }
    assert (answer["host"], answer["access"]) == (databases.server.host, "read-only")
    assert part(answer, "health")["state"] == "healthy"
    assert part(answer, "usage") == {
        "since_s": 0.0,
        "statements": 0,
        "rows": 0,
        "bytes": 0,
        "errors": 0,
        "running": 0,
        "waiting": 0,
    }
    assert part(answer, "pool") == {"open": 0, "limit": 24}


def test_what_was_used_is_counted(client: McpClient) -> None:
    with connected(client, "writer") as connection_id:
        client.execute(connection_id, "select generate_series(1, 10) as n")
        client.execute(connection_id, "select 1/0")
        answer = status(client, connection_id)

    usage = part(answer, "usage")
    assert (usage["statements"], usage["rows"], usage["errors"]) == (2, 10, 1)
    assert usage["last_fault"] == "statement_failed"
    assert isinstance(usage["bytes"], int)
    assert usage["bytes"] > 100
    assert part(answer, "pool")["open"] == 1


def test_a_statement_that_runs_is_shown_as_running(client: McpClient, databases: Databases) -> None:
    with connected(client, "writer") as connection_id:
        client.begin_execute(connection_id, "select pg_sleep(20)")
        until(lambda: databases.sleepers("writer"))
        usage = part(status(client, connection_id), "usage")

    assert (usage["running"], usage["statements"]) == (1, 0)


@pytest.mark.parametrize("way", ["http-legacy", "stdio-auto"])
def test_it_is_answered_on_every_way_in(system: System, way: str) -> None:
    with open_client(system, way) as made:
        assert status(made, made.connect("reader"))["success"] is True


def test_somebody_elses_id_is_one_that_never_was(client: McpClient, system: System) -> None:
    with connected(client, "reader") as connection_id, open_client(system, "stdio-auto") as other:
        foreign = status(other, connection_id)
        invented = status(other, secrets.token_urlsafe(32))

    assert foreign == invented
    assert fault_of(foreign)["code"] == "invalid_connection"


def test_asking_does_not_keep_an_id_alive_and_an_expired_one_says_how_to_go_on(
    databases: Databases,
) -> None:
    with (
        System(
            configuration={
                "connections": databases.connections,
                "limits": {"leaseIdleSeconds": 2},
            },
            credentials=databases.environment,
        ) as system,
        McpClient.http(system) as client,
    ):
        connection_id = client.connect("reader")

        until(lambda: status(client, connection_id)["success"] is False, within_s=10)

        expired = status(client, connection_id)
        assert expired["error"] == "The connection ID has expired: it was not used for 2 seconds"
        assert fault_of(expired) == {
            "code": "connection_expired",
            "hint": "Call connect_named_storage again to get a new connection_id.",
        }
        assert client.execute(connection_id, "select 1") == expired
        with open_client(system, "stdio-auto") as other:
            assert fault_of(status(other, connection_id))["code"] == "invalid_connection"


def test_a_disconnect_ends_the_sessions_on_the_database(
    client: McpClient, databases: Databases
) -> None:
    connection_id = client.connect("writer")
    running = [client.begin_execute(connection_id, "select pg_sleep(20)") for _ in range(3)]
    until(lambda: len(databases.sleepers("writer")) == 3)

    answer = client.call("disconnect_storage", connection_id=connection_id)

    assert answer["success"] is True, answer
    # Closed before the answer; the server's list is a moment behind.
    until(lambda: not databases.sessions("writer"), within_s=2)
    assert {str(fault_of(one.result(10))["code"]) for one in running} == {"cancelled"}
