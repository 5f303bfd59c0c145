"""A statement that takes too long, and a client that goes away, end on the server."""

from collections.abc import Iterator

import pytest

from tests.harness.clients import Era, McpClient, fault_of
from tests.harness.databases import Databases
from tests.harness.system import System
from tests.harness.waiting import until

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def system(databases: Databases) -> Iterator[System]:
    with System(
        configuration={"connections": databases.connections, "limits": {"statementSeconds": 2}},
        credentials=databases.environment,
    ) as running:
        yield running


@pytest.fixture(params=["http-auto", "http-legacy", "stdio-auto", "stdio-legacy"])
def client(request: pytest.FixtureRequest, system: System) -> Iterator[McpClient]:
    way, era = str(request.param).split("-")
    chosen: Era = "legacy" if era == "legacy" else "auto"
    made = (
        McpClient.http(system, era=chosen)
        if way == "http"
        else McpClient.stdio(str(system.run_dir), era=chosen, env=system.environment())
    )
    with made:
        yield made


def test_a_statement_that_is_too_slow_ends_on_the_server(
    client: McpClient, databases: Databases
) -> None:
    connection_id = client.connect("writer")

    answer = client.execute(connection_id, "select pg_sleep(30)")

    assert fault_of(answer)["code"] == "deadline"
    assert not databases.sessions("writer", state="active")
    assert client.execute(connection_id, "select 1 as n")["rows"] == [{"n": 1}]


def test_a_client_that_walks_away_ends_its_statement(
    client: McpClient, databases: Databases
) -> None:
    connection_id = client.connect("writer")
    running = client.begin_execute(connection_id, "select pg_sleep(30)")
    until(lambda: databases.sessions("writer", state="active"))

    running.cancel()

    until(lambda: not databases.sessions("writer", state="active"), within_s=1.5)
    assert client.execute(connection_id, "select 1 as n")["rows"] == [{"n": 1}]
