"""A statement that takes too long, and a client that goes away, end on the server."""

from collections.abc import Iterator

import pytest

from tests.harness.clients import WAYS, fault_of, open_client
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


@pytest.mark.parametrize("way", WAYS)
def test_a_statement_that_is_too_slow_ends_on_the_server(
    way: str, system: System, databases: Databases
) -> None:
    with open_client(system, way) as client:
        connection_id = client.connect("writer")

        answer = client.execute(connection_id, "select pg_sleep(30)")

        assert fault_of(answer)["code"] == "deadline"
        assert not databases.sleepers("writer")
        assert client.execute(connection_id, "select 1 as n")["rows"] == [{"n": 1}]


# Without sessions, a client of 2025-11-25 can cancel over HTTP only by closing its response.
@pytest.mark.parametrize("way", [way for way in WAYS if way != "http-legacy"])
def test_a_client_that_cancels_ends_its_statement(
    way: str, system: System, databases: Databases
) -> None:
    with open_client(system, way) as client:
        connection_id = client.connect("writer")
        running = client.begin_execute(connection_id, "select pg_sleep(30)")
        until(lambda: databases.sleepers("writer"))

        running.cancel()

        until(lambda: not databases.sleepers("writer"), within_s=1.5)
        assert client.execute(connection_id, "select 1 as n")["rows"] == [{"n": 1}]


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_goes_away_ends_its_statement(
    way: str, system: System, databases: Databases
) -> None:
    with open_client(system, way) as client:
        client.begin_execute(client.connect("writer"), "select pg_sleep(30)")
        until(lambda: databases.sleepers("writer"))

        client.leave()

        until(lambda: not databases.sleepers("writer"), within_s=1.5)
