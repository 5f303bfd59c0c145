"""A relay dies or hangs, and what a relay must outlive or must not.

A relay is the process of one login, which stays behind an encrypted connection and carries it.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.harness.certificates import Certificates
from tests.harness.clients import Fields, McpClient, fault_of
from tests.harness.databases import Accounts, Databases
from tests.harness.eventful import works
from tests.harness.mysql9 import Mysql9Server
from tests.harness.mysql_databases import MysqlDatabases
from tests.harness.mysql_family import MysqlFamilyServer
from tests.harness.postgres_debian import PostgresTlsServer
from tests.harness.processes import is_alive
from tests.harness.relays import relays_to
from tests.harness.system import System
from tests.harness.waiting import until

pytestmark = pytest.mark.faults

SERVERS: Final = ("postgres15", "mariadb", "mysql9")
TO_THE_END_S: Final = 2.0
"""So long anything may live that its supervisor has left behind."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A server with TLS, and a connection to it that is called `main`."""

    accounts: Accounts
    port: int
    sleep: str
    short: str
    """A statement that takes a second, and whose result is 7."""
    end: Callable[[int], object]
    """End a session, as the administrator."""

    def system(self, **limits: int) -> System:
        """Return a system with this connection, not yet started."""
        return System(
            configuration={"connections": self.accounts.connections, "limits": limits},
            credentials=self.accounts.environment,
        )

    def relay(self, system: System) -> int:
        """Return the one relay."""
        until(lambda: len(relays_to(system, self.port)) == 1)
        (pid,) = relays_to(system, self.port)
        return pid

    def runs(self) -> bool:
        """Say whether a statement is just running."""
        return bool(self.accounts.sleepers("main"))

    def sessions(self) -> list[int]:
        """Return the sessions at the server."""
        return self.accounts.sessions("main")

    def end_sessions(self) -> None:
        """End them: MySQL goes on with a statement whose client has gone, PostgreSQL for 2 s."""
        for session in self.sessions():
            self.end(session)


def on_postgres(server: PostgresTlsServer, certificates: Certificates) -> Place:
    accounts = Databases(server)
    accounts.add("main", sslmode="verify-full", sslrootcert=str(certificates.roots))
    return Place(
        accounts=accounts,
        port=server.port,
        sleep="select pg_sleep(30)",
        short="select 7 as n from (select pg_sleep(1)) as slow",
        end=lambda session: server.admin_sql(f"select pg_terminate_backend({session})"),
    )


def on_mysql(server: MysqlFamilyServer, certificates: Certificates) -> Place:
    accounts = MysqlDatabases(server)
    plugin = "caching_sha2_password" if isinstance(server, Mysql9Server) else "ed25519"
    tls = {"sslmode": "verify-full", "sslrootcert": str(certificates.roots)}
    accounts.add("main", plugin=plugin, **tls)
    return Place(
        accounts=accounts,
        port=server.port,
        sleep="select sleep(30)",
        short="select 7 as n from (select sleep(1)) as slow",
        end=lambda session: server.admin_sql(f"kill {session}"),
    )


@pytest.fixture(scope="module", params=SERVERS)
def place(request: pytest.FixtureRequest, certificates: Certificates) -> Place:
    server = request.getfixturevalue(request.param)
    if isinstance(server, MysqlFamilyServer):
        return on_mysql(server, certificates)
    return on_postgres(server, certificates)


@pytest.fixture(scope="module")
def system(place: Place) -> Iterator[System]:
    with place.system() as running:
        yield running


@pytest.fixture
def client(system: System, place: Place) -> Iterator[McpClient]:
    with McpClient.http(system) as made:
        yield made
    until(lambda: not place.runs())


def leave(client: McpClient, connection_id: str, place: Place) -> None:
    """End the lease; fail unless its session ends at the server."""
    client.call("disconnect_storage", connection_id=connection_id)
    until(lambda: not place.sessions())


def require_no_secret(answer: Fields, place: Place) -> None:
    text = json.dumps(answer)
    assert place.accounts.passwords["main"] not in text
    assert place.accounts.role("main") not in text


def test_a_relay_that_is_killed_while_it_waits_is_not_noticed(
    system: System, client: McpClient, place: Place
) -> None:
    connection_id = client.connect("main")
    works(client, connection_id)

    os.kill(place.relay(system), signal.SIGKILL)
    until(lambda: not relays_to(system, place.port))
    answer = client.execute(connection_id, "select 2 as n")

    assert answer["rows"] == [{"n": 2}]
    leave(client, connection_id, place)
    until(lambda: not relays_to(system, place.port))


def test_a_relay_that_is_killed_in_mid_query_costs_that_query_and_no_other(
    system: System, client: McpClient, place: Place
) -> None:
    connection_id = client.connect("main")
    works(client, connection_id)
    relay = place.relay(system)
    running = client.begin_execute(connection_id, place.sleep)
    until(place.runs)
    other = client.begin_execute(connection_id, place.short)
    until(lambda: len(relays_to(system, place.port)) == 2)

    os.kill(relay, signal.SIGKILL)
    answer = running.result(5)

    assert fault_of(answer)["code"] == "connection_lost"
    require_no_secret(answer, place)
    assert other.result(10)["rows"] == [{"n": 7}]
    works(client, connection_id)
    place.end_sessions()
    leave(client, connection_id, place)


@pytest.mark.parametrize("role", ["vault", "login-server"])
def test_a_query_goes_on_through_its_relay_when_the_vault_or_the_login_server_dies(
    role: str, system: System, client: McpClient, place: Place
) -> None:
    connection_id = client.connect("main")
    works(client, connection_id)
    relay = place.relay(system)
    running = client.begin_execute(connection_id, place.short)
    until(place.runs)

    pid = system.kill(role)
    answer = running.result(10)

    assert answer["rows"] == [{"n": 7}]
    system.wait_until_replaced(role, pid)
    assert relays_to(system, place.port) == [relay]
    works(client, connection_id)
    # What the old vault lent, the next one can end.
    leave(client, connection_id, place)
    until(lambda: not is_alive(relay))


def test_an_executor_that_is_killed_in_mid_query_takes_relay_and_session_with_it(
    system: System, client: McpClient, place: Place
) -> None:
    connection_id = client.connect("main")
    running = client.begin_execute(connection_id, place.sleep)
    until(place.runs)
    relay = place.relay(system)

    pid = kill_borrower(system)
    answer = running.result(5)

    assert fault_of(answer)["code"] == "executor_lost"
    require_no_secret(answer, place)
    until(lambda: not is_alive(relay), within_s=3)
    until(lambda: not place.sessions(), within_s=3)
    system.wait_until_replaced("executor", pid)
    works(client, connection_id)
    leave(client, connection_id, place)


def kill_borrower(system: System) -> int:
    """Kill the executor that has the only loan."""
    (loan,) = until(lambda: system.status().loans or [])
    names = [one.name for one in system.processes("executor")]
    return system.kill("executor", number=names.index(str(loan["executor"]).split(".")[0]))


@pytest.mark.parametrize("place", ["postgres15"], indirect=True)
def test_no_relay_is_left_when_the_supervisor_dies(place: Place) -> None:
    with place.system() as system:
        with McpClient.http(system) as client:
            connection_id = client.connect("main")
            works(client, connection_id)
            client.begin_execute(connection_id, place.sleep)
            until(place.runs)
            relays = relays_to(system, place.port)

            system.process.kill()
            system.process.wait()

            until(lambda: not any(map(is_alive, relays)), within_s=TO_THE_END_S)
        assert relays
        place.end_sessions()


@pytest.mark.parametrize("place", ["postgres15", "mariadb"], indirect=True)
def test_behind_a_relay_that_hangs_the_deadline_answers_and_the_statement_ends(
    place: Place,
) -> None:
    with place.system(statementSeconds=1) as system, McpClient.http(system) as client:
        connection_id = client.connect("main")
        works(client, connection_id)
        relay = place.relay(system)
        running = client.begin_execute(connection_id, place.sleep)
        until(place.runs)

        os.kill(relay, signal.SIGSTOP)
        try:
            answer = running.result(10)
            after = client.execute(connection_id, "select 1 as n")
            until(lambda: not place.runs())
        finally:
            os.kill(relay, signal.SIGCONT)

        assert fault_of(answer)["code"] in {"deadline", "outcome_unknown"}
        assert after["rows"] == [{"n": 1}]
        # It finds that its executor has left it.
        until(lambda: not is_alive(relay))
