"""A database goes away and comes back: the id stays, and nobody storms it with logins."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.harness.clients import Fields, McpClient, fault_of
from tests.harness.databases import Databases
from tests.harness.postgres import PostgresServer
from tests.harness.system import System
from tests.harness.waiting import until

pytestmark = pytest.mark.faults

STATEMENTS = 60


@pytest.fixture
def databases() -> Iterator[Databases]:
    """A server of this test's own, which it may stop."""
    with PostgresServer() as server:
        made = Databases(server)
        made.add("writer")
        yield made


@pytest.fixture
def system(databases: Databases) -> Iterator[System]:
    with System(
        configuration={"connections": databases.connections}, credentials=databases.environment
    ) as running:
        yield running


def health(client: McpClient, connection_id: str) -> Fields:
    answer = client.call("connection_status", connection_id=connection_id)
    found = answer["health"]
    assert isinstance(found, dict)
    return found


def failed_logins(system: System) -> list[Fields]:
    return system.events(event="login_failed")


def test_while_it_is_away_faults_say_so_and_afterwards_the_same_id_works(
    system: System, databases: Databases
) -> None:
    with McpClient.http(system) as client:
        connection_id = client.connect("writer")
        assert client.execute(connection_id, "select 1")["success"] is True

        databases.server.stop("immediate")
        faults = [fault_of(client.execute(connection_id, "select 1")) for _ in range(STATEMENTS)]
        away = health(client, connection_id)
        shown = system.status().connections[0]["health"]
        databases.server.start()
        until(lambda: client.execute(connection_id, "select 1")["success"], within_s=20)

        codes = Counter(str(fault["code"]) for fault in faults)
        assert set(codes) <= {"connection_lost", "database_unreachable"}, codes
        told = [str(one["hint"]) for one in faults if one["code"] == "database_unreachable"]
        tried = [hint for hint in told if not hint.startswith("It is tried again in ")]
        # Only whose own login has failed is not told when the next one is due.
        assert len(tried) < len(told)
        assert len(tried) <= len(failed_logins(system))
        assert away["state"] == "unreachable"
        assert isinstance(shown, dict)
        assert shown["state"] == "unreachable"
        assert health(client, connection_id)["state"] == "healthy"


def test_a_crowd_of_statements_costs_a_handful_of_logins(
    system: System, databases: Databases
) -> None:
    with McpClient.http(system) as client:
        connection_id = client.connect("writer")
        databases.server.stop("immediate")

        # 32 at a time, which one connection id may have.
        running = [client.begin_execute(connection_id, "select 1") for _ in range(32)]
        codes = Counter(str(fault_of(one.result(30))["code"]) for one in running)
        tried = until(lambda: failed_logins(system))

        # Those that were asked for before the first of them had failed, and the probes after it.
        assert set(codes) == {"database_unreachable"}, codes
        assert {line["stage"] for line in tried} == {"connect"}
        assert 1 <= len(tried) <= 16

        databases.server.start()
        until(lambda: client.execute(connection_id, "select 1")["success"], within_s=20)
        assert len(databases.sessions("writer")) <= 2
