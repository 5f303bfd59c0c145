"""These limits are hit in the real system; each says which it is, and the next request works."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.harness.clients import Fields, McpClient, fault_of
from tests.harness.databases import Databases
from tests.harness.system import System
from tests.harness.waiting import until

LIMITS = {
    "statementSeconds": 5,
    "statementsPerLease": 2,
    "statementsPerPrincipal": 3,
    "leasesPerPrincipal": 2,
    "rows": 5,
    "resultBytes": 4096,
}
SLEEP = "select pg_sleep(60)"


@pytest.fixture(scope="module")
def system(databases: Databases) -> Iterator[System]:
    with System(
        configuration={"connections": databases.connections, "limits": LIMITS},
        credentials=databases.environment,
    ) as running:
        yield running


@pytest.fixture
def client(system: System) -> Iterator[McpClient]:
    with McpClient.http(system) as made:
        yield made


@contextmanager
def connected(client: McpClient, *names: str) -> Iterator[list[str]]:
    """Lend connection ids; their end ends what still runs under them."""
    ids = [client.connect(name) for name in names]
    try:
        yield ids
    finally:
        for connection_id in ids:
            client.call("disconnect_storage", connection_id=connection_id)


def works(client: McpClient, connection_id: str) -> bool:
    return client.execute(connection_id, "select 1 as n").get("rows") == [{"n": 1}]


def is_running(databases: Databases, count: int) -> bool:
    return len(databases.sleepers("writer")) == count


def test_statements_of_one_id_at_the_same_time(client: McpClient, databases: Databases) -> None:
    with connected(client, "writer") as (connection_id,):
        running = [client.begin_execute(connection_id, SLEEP) for _ in range(2)]
        until(lambda: is_running(databases, 2))

        refused = client.execute(connection_id, "select 1")
        running[0].cancel()

        until(lambda: works(client, connection_id))
    assert fault_of(refused)["code"] == "statement_limit"
    assert refused["error"] == (
        "The limit of 2 statements at the same time for one connection ID is reached"
    )


def test_statements_of_one_client_at_the_same_time(client: McpClient, databases: Databases) -> None:
    with connected(client, "writer", "writer") as (first, second):
        for connection_id in (first, first, second):
            client.begin_execute(connection_id, SLEEP)
        until(lambda: client.execute(second, "select 1")["success"] is False)

        refused = client.execute(second, "select 1")

    assert fault_of(refused)["code"] == "statement_limit"
    assert refused["error"] == (
        "The limit of 3 statements at the same time for one client is reached"
    )
    until(lambda: is_running(databases, 0))
    with connected(client, "writer") as (connection_id,):
        assert works(client, connection_id)


def test_connection_ids_of_one_client(client: McpClient) -> None:
    with connected(client, "writer", "reader"):
        refused = client.call("connect_named_storage", connection_name="reader")

    assert fault_of(refused)["code"] == "lease_limit"
    assert refused["error"] == "The limit of 2 open connection IDs of one client is reached"
    with connected(client, "reader") as (connection_id,):
        assert works(client, connection_id)


def test_connections_of_one_client_to_one_database(databases: Databases) -> None:
    configuration = {
        "connections": databases.connections,
        "limits": {"connectionsPerPrincipal": 1},
    }

    with (
        System(configuration=configuration, credentials=databases.environment) as system,
        McpClient.http(system) as client,
        connected(client, "writer") as (connection_id,),
    ):
        running = client.begin_execute(connection_id, SLEEP)
        until(lambda: is_running(databases, 1))

        refused = client.execute(connection_id, "select 1")
        running.cancel()

        until(lambda: works(client, connection_id))
    assert fault_of(refused)["code"] == "connection_limit"
    assert refused["error"] == (
        "The limit of 1 open connections to this database for one client is reached"
    )


def test_rows_of_one_result(client: McpClient) -> None:
    with connected(client, "reader") as (connection_id,):
        answer = client.execute(connection_id, "select generate_series(1, 100) as n")

        assert (answer["row_count"], answer["truncated"]) == (5, True)
        assert works(client, connection_id)


@pytest.mark.parametrize(
    ("query", "params", "code"),
    [
        pytest.param("select repeat('x', 5000)", {}, "result_too_large", id="result"),
        pytest.param(SLEEP, {}, "deadline", id="seconds"),
        pytest.param("select '" + "x" * (1 << 20) + "'", {}, "invalid_arguments", id="statement"),
        pytest.param(
            "select 1", {f"p{n}": n for n in range(1001)}, "invalid_arguments", id="parameters"
        ),
        pytest.param("select 0" + "+:p" * 60_000, {"p": 1}, "statement_refused", id="words"),
    ],
)
def test_what_one_statement_may_be(
    client: McpClient, query: str, params: Fields, code: str
) -> None:
    with connected(client, "writer") as (connection_id,):
        refused = client.execute(connection_id, query, **params)

        assert fault_of(refused)["code"] == code
        assert works(client, connection_id)
