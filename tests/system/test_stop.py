"""Ctrl-C: everything ends by itself, in good order, and soon; nobody has to be killed."""

import signal
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.harness.clients import Fields, McpClient
from tests.harness.databases import Databases
from tests.harness.system import System
from tests.harness.waiting import until

STOP_S = 2.0
STATEMENTS = 4


@pytest.fixture
def own_system(databases: Databases) -> Iterator[System]:
    """A system that the test itself stops."""
    with System(
        configuration={"connections": databases.connections}, credentials=databases.environment
    ) as running:
        yield running


def stopped(system: System) -> int:
    """Stop *system* and return its status; its files stay until the end of the test."""
    system.process.send_signal(signal.SIGINT)
    return system.process.wait(STOP_S)


def assert_nobody_was_killed(system: System) -> None:
    assert '"event":"child_exited"' in system.log
    assert '"status":137' not in system.log
    assert '"event":"vault_lost"' not in system.log  # it is not lost when all of them stop


def start_sleeping(client: McpClient, connection_id: str) -> Future[Fields]:
    arguments: Fields = {"connection_id": connection_id, "query": "select pg_sleep(60)"}
    return client.begin("execute_query", arguments)


def test_a_system_that_has_nothing_to_do_stops_by_itself(own_system: System) -> None:
    assert stopped(own_system) == 0

    assert_nobody_was_killed(own_system)


def test_a_system_with_pooled_connections_stops_by_itself(
    own_system: System, databases: Databases
) -> None:
    with McpClient.http(own_system) as client:
        for name in ("reader", "writer"):
            assert client.execute(client.connect(name), "select 1")["success"] is True

        assert stopped(own_system) == 0

    assert_nobody_was_killed(own_system)
    until(lambda: not databases.sessions("reader") + databases.sessions("writer"))


def test_a_system_whose_statements_are_running_stops_by_itself_and_they_are_cancelled(
    own_system: System, databases: Databases
) -> None:
    with McpClient.http(own_system) as client:
        connection_id = client.connect("writer")
        asked = [start_sleeping(client, connection_id) for _ in range(STATEMENTS)]
        until(lambda: len(databases.sleepers("writer")) == STATEMENTS)

        assert stopped(own_system) == 0
        assert all(one.exception(STOP_S) or not one.result()["success"] for one in asked)

    assert_nobody_was_killed(own_system)
    until(lambda: not databases.sessions("writer"))
