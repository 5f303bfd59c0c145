"""One query's journey, by real clients through real processes to a real server."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.clients import WAYS, McpClient, fault_of, open_client
from tests.harness.databases import Databases
from tests.harness.system import ROOT, System
from tests.harness.waiting import until


@pytest.fixture(params=WAYS)
def client(request: pytest.FixtureRequest, system: System) -> Iterator[McpClient]:
    with open_client(system, str(request.param)) as made:
        yield made


def test_a_client_connects_queries_and_disconnects(client: McpClient, databases: Databases) -> None:
    connection_id = client.connect("writer")

    answer = client.execute(connection_id, "select 1 as one, :word as word", word="schön")
    gone = client.call("disconnect_storage", connection_id=connection_id)
    after = client.execute(connection_id, "select 1")

    assert answer["rows"] == [{"one": 1, "word": "schön"}]
    assert answer["row_count"] == 1
    assert gone == {"success": True}
    assert after["error"] == "Invalid connection ID"
    until(lambda: not databases.sessions("writer"))


def test_both_eras_are_spoken(system: System) -> None:
    with McpClient.http(system) as modern, McpClient.http(system, era="legacy") as legacy:
        assert (modern.version, legacy.version) == ("2026-07-28", "2025-11-25")


def test_the_seeds_answers_have_the_seeds_shape(client: McpClient, databases: Databases) -> None:
    opened = client.call("connect_named_storage", connection_name="writer")
    connection_id = str(opened["connection_id"])
    table = f"notes_{databases.role('writer')}"

    written = client.execute(connection_id, f"insert into {table} (text) values ('a'), ('b')")
    unknown = client.call("connect_named_storage", connection_name="nothing")

    assert opened["success"] is True
    assert opened["connection_name"] == "writer"
    assert written["affected_rows"] == 2
    assert unknown["success"] is False
    assert "rows" not in written


def test_writes_are_kept_and_a_read_only_connection_cannot_write(
    client: McpClient, databases: Databases, postgres_table: str
) -> None:
    writer, reader = client.connect("writer"), client.connect("reader")

    client.execute(writer, f"insert into {postgres_table} (text) values ('kept')")
    read = client.execute(reader, f"select text from {postgres_table}")
    refused = client.execute(reader, f"insert into {postgres_table} (text) values ('never')")

    assert read["rows"] == [{"text": "kept"}]
    assert fault_of(refused)["code"] == "read_only"
    counted = databases.server.admin_sql(f"select count(*) from {postgres_table}")
    assert counted == [(1,)]


@pytest.fixture
def postgres_table(databases: Databases) -> Iterator[str]:
    server, table = databases.server, f"kept_{os.urandom(4).hex()}"
    server.admin_sql(f"create table {table} (text text)")
    server.admin_sql(
        f"grant all on {table} to {databases.role('writer')}, {databases.role('reader')}"
    )
    yield table
    server.admin_sql(f"drop table {table}")


def test_the_tools_have_the_seeds_names_and_parameters(client: McpClient) -> None:
    tools = client.tools()

    assert set(tools) == {
        "connect_storage",
        "connect_named_storage",
        "execute_query",
        "connection_status",
        "disconnect_storage",
        "list_connections",
    }


def test_list_connections_names_what_is_configured_and_nothing_secret(
    client: McpClient, databases: Databases
) -> None:
    answer = client.call("list_connections")

    listed = answer["connections"]
    assert isinstance(listed, list)
    assert {(entry["connection_name"], entry["access"]) for entry in listed} == {
        ("writer", "read-write"),
        ("reader", "read-only"),
    }
    assert databases.role("writer") not in str(answer)


def test_connect_storage_refuses_a_password_says_what_to_do_and_echoes_nothing(
    client: McpClient,
) -> None:
    answer = client.call(
        "connect_storage",
        storage_type="postgresql",
        host="db.example",
        database="d",
        username="u",
        password="hunter22-canary",
    )

    assert fault_of(answer)["code"] == "plaintext_refused"
    assert "connect_named_storage" in str(fault_of(answer)["hint"])
    assert "hunter22" not in str(answer)


def test_nothing_of_one_use_shows_in_the_next(client: McpClient) -> None:
    connection_id = client.connect("writer")

    client.execute(connection_id, "set search_path to nowhere")
    client.execute(connection_id, "create temporary table leftover (a int)")
    client.execute(connection_id, "select pg_advisory_lock(77)")
    seen = [
        client.execute(
            connection_id,
            "select current_setting('search_path') as path, to_regclass('leftover') as left,"
            " (select count(*) from pg_locks where locktype = 'advisory' and objid = 77) as locks",
        )["rows"]
        for _ in range(8)
    ]

    assert seen == [[{"path": '"$user", public', "left": None, "locks": 0}]] * 8


def test_one_statement_at_a_time_and_no_transaction_control(client: McpClient) -> None:
    connection_id = client.connect("reader")

    two = client.execute(connection_id, "select 1; select 2")
    commit = client.execute(connection_id, "commit")
    escape = client.execute(connection_id, "commit; create table escaped (a int)")

    assert fault_of(two)["code"] == "read_only"
    assert fault_of(commit)["code"] == "statement_refused"
    assert escape["success"] is False


def test_a_statements_error_keeps_what_an_agent_needs(client: McpClient) -> None:
    connection_id = client.connect("reader")

    answer = client.execute(connection_id, "select nmae from pg_class")

    fault = fault_of(answer)
    assert fault["sqlstate"] == "42703"
    assert fault["position"] == 8
    assert "nmae" in str(answer["error"])


def test_two_gateways_answer_for_the_same_ids(databases: Databases) -> None:
    with (
        System(
            configuration={"connections": databases.connections},
            credentials=databases.environment,
            gateways=2,
        ) as system,
        McpClient.http(system) as first,
        McpClient.http(system, era="legacy") as second,
    ):
        connection_id = first.connect("reader")

        answers = [
            caller.execute(connection_id, "select 1 as n")["rows"]
            for _ in range(16)
            for caller in (first, second)
        ]

        assert answers == [[{"n": 1}]] * 32


def test_stdio_starts_a_system_by_itself_and_ends_it(databases: Databases, short_dir: Path) -> None:
    configuration = short_dir / "strongroom.json"
    configuration.write_text(json.dumps({"connections": databases.connections}))
    run_dir = short_dir / "run"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **databases.environment}

    with McpClient.stdio(
        str(run_dir), options=["--config", str(configuration)], env=environment
    ) as client:
        rows = client.execute(client.connect("reader"), "select 2 as two")["rows"]

    assert rows == [{"two": 2}]
    until(lambda: not (run_dir / "control.sock").exists(), within_s=10)
