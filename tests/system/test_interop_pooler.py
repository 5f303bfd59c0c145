"""PgBouncer that gives each transaction another session, which keeps no two clients apart."""

from collections.abc import Iterator

import pytest

from tests.harness.certificates import Certificates
from tests.harness.clients import McpClient, fault_of
from tests.harness.interop import Pooled
from tests.harness.pgbouncer import NAME, PgBouncer
from tests.harness.postgres import PostgresServer
from tests.harness.server_fixtures import programs_or_skip
from tests.harness.system import System
from tests.harness.waiting import until


@pytest.fixture(scope="module")
def databases(certificates: Certificates, postgres: PostgresServer) -> Iterator[Pooled]:
    with PgBouncer(
        programs_or_skip(NAME), certificates, postgres, pool_mode="transaction"
    ) as pooler:
        # One session for all of them, so that whoever waits has it from another.
        pooler.admin_sql("set default_pool_size = 1")
        made = Pooled(postgres, pooler)
        made.add("shared", sslmode="verify-full", sslrootcert=str(certificates.roots))
        yield made


@pytest.fixture(scope="module")
def system(databases: Pooled) -> Iterator[System]:
    with System(
        configuration={"connections": databases.connections},
        credentials=databases.environment,
        executors=1,
    ) as made:
        yield made


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[McpClient]:
    with McpClient.http(system) as made:
        yield made


def test_a_client_alone_is_served_and_a_cancel_reaches_its_statement(
    client: McpClient, databases: Pooled
) -> None:
    connection_id = client.connect("shared")

    running = client.begin_execute(connection_id, "select pg_sleep(20)")
    until(lambda: databases.sleepers("shared"))
    running.cancel()
    until(lambda: not databases.sleepers("shared"))

    assert client.execute(connection_id, "select :n::int as n", n=7)["rows"] == [{"n": 7}]
    client.call("disconnect_storage", connection_id=connection_id)


def test_who_gets_a_session_as_another_left_it_is_refused(
    system: System, client: McpClient, databases: Pooled
) -> None:
    with McpClient.stdio(str(system.run_dir), env=system.environment()) as other:
        others = other.connect("shared")
        other.execute(others, "select 1 as n")
        connection_id = client.connect("shared")
        leaving = client.begin_execute(
            connection_id, "select pg_sleep(1), set_config('search_path', 'left', false)"
        )
        until(lambda: databases.sleepers("shared"))

        answer = other.execute(others, "select current_setting('search_path') as path")

        assert leaving.result(10)["success"] is True
        fault = fault_of(answer)
        assert (fault["code"], fault["may_have_run"]) == ("statement_refused", False)
        assert "pool_mode = session" in str(fault["hint"])
        for made, its_id in ((other, others), (client, connection_id)):
            made.call("disconnect_storage", connection_id=its_id)
