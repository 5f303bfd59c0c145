"""On servers of MySQL's protocol: an executor dies without TLS in between, and a server dies."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from tests.harness import mariadb as mariadb_servers
from tests.harness.certificates import Certificates
from tests.harness.clients import McpClient, fault_of
from tests.harness.mariadb import MariadbServer
from tests.harness.mysql9 import Mysql9Server
from tests.harness.mysql_databases import MysqlDatabases
from tests.harness.mysql_family import MysqlFamilyServer
from tests.harness.server_fixtures import programs_or_skip
from tests.harness.system import System
from tests.harness.waiting import until

pytestmark = pytest.mark.faults

SLEEP: Final = "select sleep(30)"
LOCK: Final = "select get_lock('held', 0) as got, sleep({}) as slept"


def in_the_open(server: MysqlFamilyServer, name: str = "main") -> MysqlDatabases:
    """Return a connection without TLS, so that executors have the server's own socket."""
    accounts = MysqlDatabases(server)
    if isinstance(server, Mysql9Server):
        pinned = str(server.public_key)
        plugin = "caching_sha2_password"
        accounts.add(name, plugin=plugin, sslmode="disable", server_public_key=pinned)
    else:
        accounts.add(name, plugin="ed25519", sslmode="disable")
    accounts.connections[f"{name}_reading"] = {**accounts.connections[name], "access": "read-only"}
    return accounts


@pytest.fixture(scope="module")
def accounts(mysql_family: MysqlFamilyServer) -> MysqlDatabases:
    return in_the_open(mysql_family)


def a_system(accounts: MysqlDatabases) -> System:
    return System(
        configuration={"connections": accounts.connections}, credentials=accounts.environment
    )


@pytest.fixture(scope="module")
def system(accounts: MysqlDatabases) -> Iterator[System]:
    with a_system(accounts) as running:
        yield running


@pytest.fixture
def client(system: System) -> Iterator[McpClient]:
    with McpClient.http(system) as made:
        yield made


def kill_who_runs(system: System, name: str) -> int:
    """Kill the executor that has the one loan of a connection."""

    def lent() -> list[dict[str, object]]:
        return [one for one in system.status().loans or [] if one["connection"] == name]

    (loan,) = until(lent)
    names = [one.name for one in system.processes("executor")]
    return system.kill("executor", number=names.index(str(loan["executor"]).split(".")[0]))


def test_what_a_killed_executor_had_borrowed_ends_at_the_server_with_what_it_held(
    system: System, client: McpClient, accounts: MysqlDatabases
) -> None:
    connection_id = client.connect("main")
    running = client.begin_execute(connection_id, LOCK.format(30))
    until(lambda: accounts.sleepers("main"))
    (session,) = accounts.sessions("main")

    pid = kill_who_runs(system, "main")
    answer = running.result(5)

    assert fault_of(answer)["code"] == "executor_lost"
    assert fault_of(answer)["may_have_run"] is True
    # The server looks at no connection while a statement runs: this is KILL CONNECTION.
    until(lambda: session not in accounts.sessions("main"), within_s=3)
    system.wait_until_replaced("executor", pid)
    answer = client.execute(connection_id, LOCK.format(0))
    assert answer["rows"] == [{"got": 1, "slept": 0}]


def test_a_read_is_run_once_more_and_the_first_run_ends_at_the_server(
    system: System, client: McpClient, accounts: MysqlDatabases
) -> None:
    connection_id = client.connect("main_reading")
    asked = "select 5 as five from (select sleep(1.5)) as slow"
    running = client.begin_execute(connection_id, asked)
    until(lambda: accounts.sleepers("main"))

    pid = kill_who_runs(system, "main_reading")

    assert running.result(10)["rows"] == [{"five": 5}]
    until(lambda: not accounts.sleepers("main"))
    system.wait_until_replaced("executor", pid)


@contextmanager
def crashing(certificates: Certificates) -> Iterator[MysqlFamilyServer]:
    """Lend a server that a test may end as a crash does."""
    programs = programs_or_skip(mariadb_servers.NAME)
    with MariadbServer(programs, certificates) as server:
        yield server


Ends = Callable[[MysqlFamilyServer], None]


def require_the_id_survives(server: MysqlFamilyServer, end: Ends) -> None:
    """Fail unless what runs is lost when *end* is done, and the same id works afterwards."""
    accounts = in_the_open(server)
    with a_system(accounts) as system, McpClient.http(system) as client:
        connection_id = client.connect("main")
        running = client.begin_execute(connection_id, SLEEP)
        until(lambda: accounts.sleepers("main"))

        end(server)
        try:
            cut = running.result(5)
            down = client.execute(connection_id, "select 1")
        finally:
            server.start()
        back = until(lambda: client.execute(connection_id, "select 2 as n").get("rows"))

    assert fault_of(cut)["code"] == "connection_lost"
    assert fault_of(cut)["may_have_run"] is True
    assert fault_of(down)["code"] in {"connection_lost", "database_unreachable"}
    assert back == [{"n": 2}]


def test_a_server_that_is_killed_and_started_again_costs_a_fault_and_not_the_lease(
    certificates: Certificates,
) -> None:
    with crashing(certificates) as server:
        require_the_id_survives(server, MysqlFamilyServer.kill)


def test_a_server_that_is_stopped_and_started_again_costs_a_fault_and_not_the_lease(
    mysql9: Mysql9Server,
) -> None:
    require_the_id_survives(mysql9, MysqlFamilyServer.stop)
