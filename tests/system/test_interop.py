"""The same through every kind of server, by real clients, as one system's connections."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.harness.clients import Fields, McpClient, fault_of
from tests.harness.interop import KINDS, READING, Interop, Kind, Pooled, every_kind, running
from tests.harness.interop_words import GIVEN, WORDS, Words
from tests.harness.server_fixtures import programs_or_skip
from tests.harness.system import System
from tests.harness.waiting import until


@dataclass(frozen=True)
class Spot:
    """One kind, through the system that has them all."""

    name: str
    interop: Interop
    client: McpClient
    writer: str
    """The id of a connection that may write, and so forth."""
    reader: str

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    @property
    def words(self) -> Words:
        return WORDS[self.kind.engine]

    def ask(self, query: str, **params: object) -> Fields:
        return self.client.execute(self.writer, query, **params)

    def rows(self, query: str, **params: object) -> object:
        answer = self.ask(query, **params)
        assert answer["success"] is True, answer
        return answer["rows"]

    def read(self, query: str) -> Fields:
        return self.client.execute(self.reader, query)

    def a_table(self) -> str:
        """Return the name of a new one."""
        name = f"kept_{secrets.token_hex(4)}"
        made = self.ask(f"create table {name} (id serial primary key, word varchar(40) unique)")
        assert made == {"success": True, "affected_rows": 0}
        return name


@pytest.fixture(scope="module")
def interop(request: pytest.FixtureRequest) -> Iterator[Interop]:
    with every_kind(request) as made:
        yield made


@pytest.fixture(scope="module")
def system(interop: Interop) -> Iterator[System]:
    with running(interop, executors=2) as made:
        yield made


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[McpClient]:
    with McpClient.http(system) as made:
        yield made


@pytest.fixture(params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    made = str(request.param)
    if (programs := KINDS[made].programs) is not None:
        programs_or_skip(programs)
    return made


@pytest.fixture
def spot(name: str, interop: Interop, client: McpClient) -> Iterator[Spot]:
    ids = [client.connect(name), client.connect(name + READING)]
    yield Spot(name, interop, client, *ids)
    for connection_id in ids:
        client.call("disconnect_storage", connection_id=connection_id)


def test_it_is_listed_as_it_is_configured(client: McpClient, interop: Interop, name: str) -> None:
    listed = client.call("list_connections")["connections"]

    assert isinstance(listed, list)
    found = {entry["connection_name"]: entry for entry in listed}
    configured = interop.connections[name]
    for which, access in ((name, "read-write"), (name + READING, "read-only")):
        assert found[which]["type"] == configured["type"]
        assert found[which]["access"] == access
    assert interop.accounts[name].role(name) not in {str(word) for word in found[name].values()} - {
        str(configured["database"])
    }


def test_every_kind_of_parameter_arrives_as_it_was_meant(spot: Spot) -> None:
    assert spot.rows(spot.words.every_parameter, **GIVEN) == [spot.words.its_row]


def test_what_is_written_is_counted_and_stays(spot: Spot) -> None:
    table = spot.a_table()

    written = spot.ask(f"insert into {table} (word) values (:a), (:b)", a="one", b="ü'\\")
    changed = spot.ask(f"update {table} set word = :w where id > 0 and word = :o", w="1", o="one")

    assert (written["affected_rows"], changed["affected_rows"]) == (2, 1)
    query = f"select word from {table} order by id"
    assert spot.rows(query) == spot.read(query)["rows"] == [{"word": "1"}, {"word": "ü'\\"}]


def test_a_statement_that_fails_says_its_sqlstate_and_leaves_nothing(spot: Spot) -> None:
    table = spot.a_table()

    missing = spot.ask("select * from nothing_there")
    twice = spot.ask(f"insert into {table} (word) values ('a'), ('a')")

    assert fault_of(missing)["sqlstate"] == spot.words.no_such_table
    assert "nothing_there" in str(missing["error"])
    assert fault_of(twice)["sqlstate"] == spot.words.twice_the_same_key
    assert spot.rows(f"select count(*) as n from {table}") == [{"n": 0}]


def test_a_read_only_lease_writes_neither_by_a_statement_nor_by_a_function(spot: Spot) -> None:
    table = spot.a_table()
    function = f"writes_{table}"
    definition = spot.words.writing_function.format(function=function, table=table)
    assert spot.ask(definition)["success"] is True

    stated = spot.read(f"delete from {table}")
    called = spot.read(f"select {function}() as n")

    assert fault_of(stated)["code"] == "read_only"
    assert fault_of(called)["sqlstate"] == "25006"
    assert spot.rows(f"select count(*) as n from {table}") == [{"n": 0}]
    assert spot.rows(f"select {function}() as n") == [{"n": 1}]


def test_its_status_says_where_it_leads_and_what_was_used(spot: Spot) -> None:
    spot.rows("select 1 as n")

    status = spot.client.call("connection_status", connection_id=spot.writer)

    configured = spot.interop.connections[spot.name]
    for key in ("type", "host", "database"):
        assert status[key] == configured[key]
    usage, pool = status["usage"], status["pool"]
    assert isinstance(usage, dict)
    assert isinstance(pool, dict)
    assert (usage["statements"], usage["rows"], usage["errors"]) == (1, 1, 0)
    assert pool["open"] == 1


def test_it_is_encrypted_where_the_configuration_says_so(spot: Spot) -> None:
    if spot.kind.engine == "mysql":
        shown = spot.rows("show session status like 'Ssl_cipher'")
        assert isinstance(shown, list)
        is_encrypted = shown[0]["Value"] != ""
    elif isinstance(accounts := spot.interop.accounts[spot.name], Pooled):
        spot.rows("select 1 as n")
        clients = accounts.pooler.admin_sql("show clients")
        ours = [row for row in clients if accounts.role(spot.name) in row]
        is_encrypted = bool(ours) and all("TLS" in str(row) for row in ours)
    else:
        asked = "select ssl as found from pg_stat_ssl where pid = pg_backend_pid()"
        is_encrypted = spot.rows(asked) == [{"found": True}]

    assert is_encrypted is spot.kind.is_encrypted


def test_a_disconnect_ends_its_sessions_at_the_server(
    client: McpClient, interop: Interop, name: str
) -> None:
    accounts = interop.accounts[name]
    ids = [client.connect(name), client.connect(name + READING)]
    for connection_id in ids:
        client.execute(connection_id, "select 1 as n")

    def sessions() -> int:
        if isinstance(accounts, Pooled):
            # Those at the server behind are the pooler's to keep.
            clients = accounts.pooler.admin_sql("show clients")
            return sum(accounts.role(name) in row for row in clients)
        return len(accounts.sessions(name))

    assert sessions() == 2
    for connection_id in ids:
        client.call("disconnect_storage", connection_id=connection_id)
    until(lambda: sessions() == 0)
