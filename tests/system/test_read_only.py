"""A read-only connection, from the client's side: what is refused by whom, and what is not."""

from collections.abc import Iterator

import pytest

from tests.harness.clients import WAYS, McpClient, fault_of, open_client
from tests.harness.databases import Databases
from tests.harness.system import System

ATTACKS = (
    "delete from {t}",
    "with d as (delete from {t} returning *) select * from d",
    "with a as (select 1) update {t} set text = 'x'",
    "select * into {t}_2 from {t}",
    "explain (analyze) create table {t}_3 as select 1",
    "select nextval('{t}_id_seq')",
    "select ('{t}_id_seq'::regclass).\"nextval\"",
    "select * from {t} for no key update",
    "select pg_advisory_lock(4711)",
    "select pg_notify('a', 'b')",
    "do $$ begin delete from {t}; end $$",
    "set default_transaction_read_only = off",
)


@pytest.fixture(params=WAYS)
def client(request: pytest.FixtureRequest, system: System) -> Iterator[McpClient]:
    with open_client(system, str(request.param)) as made:
        yield made


@pytest.fixture
def table(databases: Databases) -> Iterator[str]:
    """A table with a sequence and a function, all of which the reader's role may use to write."""
    name, server = f"held_{databases.role('reader')}", databases.server
    server.admin_sql(f"create table {name} (id serial, text text)")
    server.admin_sql(f"insert into {name} (text) values ('kept')")
    server.admin_sql(
        f"create function wipe_{name}() returns int language sql as"
        f" $$ delete from {name} returning id $$"
    )
    server.admin_sql(f"alter table {name} owner to {databases.role('reader')}")
    yield name
    server.admin_sql(f"drop function wipe_{name}")
    server.admin_sql(f"drop table {name}")


def test_what_could_write_is_refused_with_a_reason_before_it_is_sent(
    client: McpClient, databases: Databases, table: str
) -> None:
    reader = client.connect("reader")

    answers = [client.execute(reader, attack.format(t=table)) for attack in ATTACKS]

    assert [fault_of(answer)["code"] for answer in answers] == ["read_only"] * len(ATTACKS)
    assert "This connection is read-only: DELETE does not run" in str(answers[0]["error"])
    assert "read-write" in str(fault_of(answers[0])["hint"])
    assert databases.server.admin_sql(
        f"select text, (select is_called from {table}_id_seq), to_regclass('{table}_2'),"
        f" to_regclass('{table}_3') from {table}"
    ) == [("kept", True, None, None)]


def test_what_only_the_server_can_know_to_write_is_held_by_its_transaction(
    client: McpClient, databases: Databases, table: str
) -> None:
    reader = client.connect("reader")

    answer = client.execute(reader, f"select wipe_{table}()")

    assert fault_of(answer)["sqlstate"] == "25006"
    assert databases.server.admin_sql(f"select text from {table}") == [("kept",)]


def test_a_query_may_speak_of_writes(client: McpClient, table: str) -> None:
    reader = client.connect("reader")

    answer = client.execute(
        reader, f"select text as update, 'delete from t' as delete from {table} -- into"
    )

    assert answer["rows"] == [{"update": "kept", "delete": "delete from t"}]


def test_transaction_control_is_refused_with_a_way_out(client: McpClient) -> None:
    for name in ("reader", "writer"):
        answer = client.execute(client.connect(name), "begin")

        assert fault_of(answer)["code"] == "statement_refused"
        assert "into one statement" in str(answer["error"])
