"""Vault, router, gateway, supervisor and database die in the middle of a statement."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.clients import McpClient, fault_of
from tests.harness.databases import Databases
from tests.harness.memory import find_descendants
from tests.harness.postgres import PostgresServer
from tests.harness.system import System
from tests.harness.waiting import until

pytestmark = pytest.mark.faults


@pytest.fixture
def client(system: System) -> Iterator[McpClient]:
    with McpClient.http(system) as made:
        yield made


@pytest.mark.parametrize("role", ["vault", "login-server"])
def test_a_running_query_does_not_notice_that_the_vault_dies_and_dies_again(
    role: str, databases: Databases
) -> None:
    with (
        System(
            configuration={"connections": databases.connections}, credentials=databases.environment
        ) as system,
        McpClient.http(system) as client,
    ):
        connection_id = client.connect("writer")
        client.execute(connection_id, "select 1")
        running = client.begin_execute(connection_id, "select 7 as n from pg_sleep(2.5)")
        until(lambda: databases.sleepers("writer"))

        for _ in range(3):
            system.wait_until_replaced(role, system.kill(role))
        answer = running.result(10)

        assert answer["rows"] == [{"n": 7}]


def test_new_connections_wait_for_the_next_vault(system: System, client: McpClient) -> None:
    pid = system.kill("vault")

    connection_id = client.connect("writer")

    assert client.execute(connection_id, "select 1 as n")["rows"] == [{"n": 1}]
    system.wait_until_replaced("vault", pid)


def test_what_the_old_vault_lent_the_next_one_can_cancel(
    system: System, client: McpClient, databases: Databases
) -> None:
    connection_id = client.connect("writer")
    running = client.begin_execute(connection_id, "select pg_sleep(20)")
    until(lambda: databases.sleepers("writer"))
    pid = system.kill("vault")
    system.wait_until_replaced("vault", pid)

    running.cancel()

    until(lambda: not databases.sleepers("writer"), within_s=3)


def test_the_router_takes_what_was_in_flight_with_it_and_says_so(
    system: System, client: McpClient, databases: Databases
) -> None:
    connection_id = client.connect("writer")
    running = client.begin_execute(connection_id, "select pg_sleep(3)")
    until(lambda: databases.sleepers("writer"))

    pid = system.kill("router")
    answer = running.result(2)

    assert fault_of(answer)["code"] == "outcome_unknown"
    assert fault_of(answer)["may_have_run"] is True
    assert client.execute(connection_id, "select 1 as n")["rows"] == [{"n": 1}]
    system.wait_until_replaced("router", pid)


def test_a_gateways_death_cancels_what_its_clients_ran(
    system: System, client: McpClient, databases: Databases
) -> None:
    connection_id = client.connect("writer")
    running = client.begin_execute(connection_id, "select pg_sleep(20)")
    until(lambda: databases.sleepers("writer"))

    pid = system.kill("gateway")

    assert running.exception(5) is not None
    until(lambda: not databases.sleepers("writer"), within_s=3)
    system.wait_until_replaced("gateway", pid)
    with McpClient.http(system) as another:
        assert another.execute(connection_id, "select 1 as n")["rows"] == [{"n": 1}]


def test_nothing_survives_the_supervisor(databases: Databases) -> None:
    with System(
        configuration={"connections": databases.connections}, credentials=databases.environment
    ) as system:
        with McpClient.http(system) as client:
            client.begin_execute(client.connect("writer"), "select pg_sleep(20)")
            until(lambda: databases.sleepers("writer"))
            family = find_descendants(system.process.pid)
            assert len(family) >= 7

            os.kill(system.process.pid, signal.SIGKILL)
            system.process.wait()

            until(lambda: not any(map(alive, family)), within_s=2)
        until(lambda: not databases.sleepers("writer"), within_s=3)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_database_that_restarts_costs_a_fault_and_not_the_lease() -> None:
    with PostgresServer() as server:
        databases = Databases(server)
        databases.add("writer")
        with (
            System(
                configuration={"connections": databases.connections},
                credentials=databases.environment,
            ) as system,
            McpClient.http(system) as client,
        ):
            connection_id = client.connect("writer")
            running = client.begin_execute(connection_id, "select pg_sleep(20)")
            until(lambda: databases.sleepers("writer"))

            server.stop("immediate")
            cut = running.result(5)
            down = client.execute(connection_id, "select 1")
            server.start()
            # It was seen to be away, and for a moment nobody asks it.
            back = until(lambda: client.execute(connection_id, "select 2 as n").get("rows"))

            assert fault_of(cut)["code"] == "connection_lost"
            assert fault_of(down)["code"] in {"database_unreachable", "unavailable"}
            assert back == [{"n": 2}]
