"""An executor dies in the middle of a statement."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.harness.clients import McpClient, fault_of
from tests.harness.databases import Databases
from tests.harness.system import System
from tests.harness.waiting import until

pytestmark = pytest.mark.faults


@pytest.fixture
def client(system: System) -> Iterator[McpClient]:
    with McpClient.http(system) as made:
        yield made


def kill_who_runs(system: System, databases: Databases, name: str) -> int:
    """Kill the executor that holds the active session of a connection."""
    (backend,) = until(lambda: databases.sleepers(name))
    loans = system.status().loans or []
    (executor,) = [loan["executor"] for loan in loans if loan["backend_id"] == backend]
    number = [one.name for one in system.processes("executor")].index(str(executor).split(".")[0])
    return system.kill("executor", number=number)


def test_a_write_that_was_running_is_reported_lost_and_never_run_again(
    system: System, client: McpClient, databases: Databases
) -> None:
    connection_id = client.connect("writer")
    table = f"notes_{databases.role('writer')}"
    running = client.begin_execute(
        connection_id, f"insert into {table} (text) select 'lost' from pg_sleep(20)"
    )

    pid = kill_who_runs(system, databases, "writer")
    answer = running.result(5)

    assert fault_of(answer)["code"] == "executor_lost"
    assert fault_of(answer)["may_have_run"] is True
    until(lambda: not databases.sleepers("writer"), within_s=3)
    system.wait_until_replaced("executor", pid)
    assert client.execute(connection_id, f"select * from {table} where text = 'lost'")["rows"] == []


def test_a_read_only_statement_is_run_once_more(
    system: System, client: McpClient, databases: Databases
) -> None:
    connection_id = client.connect("reader")
    running = client.begin_execute(connection_id, "select 5 as five from pg_sleep(1.5)")

    pid = kill_who_runs(system, databases, "reader")
    answer = running.result(10)

    assert answer["rows"] == [{"five": 5}]
    system.wait_until_replaced("executor", pid)


def test_a_read_only_statement_that_kills_two_executors_is_given_up(
    system: System, client: McpClient, databases: Databases
) -> None:
    connection_id = client.connect("reader")
    running = client.begin_execute(connection_id, "select pg_sleep(20)")

    first = kill_who_runs(system, databases, "reader")
    until(lambda: databases.sleepers("reader"))
    system.wait_until_replaced("executor", first)
    until(lambda: len(databases.sleepers("reader")) == 1)
    second = kill_who_runs(system, databases, "reader")
    answer = running.result(5)

    assert fault_of(answer)["code"] == "executor_lost"
    system.wait_until_replaced("executor", second)
    until(lambda: not databases.sleepers("reader"), within_s=3)
    assert client.execute(connection_id, "select 1 as n")["rows"] == [{"n": 1}]


def test_a_stopped_executor_is_ended_and_the_client_told(databases: Databases) -> None:
    with (
        System(
            configuration={"connections": databases.connections, "limits": {"statementSeconds": 1}},
            credentials=databases.environment,
            executors=1,
        ) as system,
        McpClient.http(system) as client,
    ):
        connection_id = client.connect("writer")
        client.execute(connection_id, "select 1")
        pid = system.pid_of("executor")
        os.kill(pid, signal.SIGSTOP)

        answer = client.execute(connection_id, "select 2")

        assert fault_of(answer)["code"] in {"executor_lost", "outcome_unknown"}
        system.wait_until_replaced("executor", pid)
        assert client.execute(connection_id, "select 3 as n")["rows"] == [{"n": 3}]
