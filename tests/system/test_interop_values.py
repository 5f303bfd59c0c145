"""Every type's value through every kind of server, beside a driver of its own."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
import pytest
from psycopg.types import TypeInfo
from psycopg.types.numeric import IntLoader

from tests.harness.clients import Fields, McpClient
from tests.harness.databases import Databases
from tests.harness.interop import KINDS, Interop, every_kind, running
from tests.harness.mysql9 import Mysql9Server
from tests.harness.mysql_databases import MysqlDatabases
from tests.harness.mysql_values import CASES as MYSQL_CASES
from tests.harness.mysql_values import read as mysql_read
from tests.harness.server_fixtures import programs_or_skip
from tests.harness.values import CASES, Case, documented_examples, read, way_in

DRIVEN: Final = [
    (case, value) for cases in CASES.values() for case in cases for value in case.values
]
"""What the driver has a notion of."""
AS_TEXT: Final = [
    (case, value) for cases in CASES.values() for case in cases for value in case.as_text
]
MYSQLS: Final = [
    (case, value, "zero" not in name)
    for name, cases in MYSQL_CASES.items()
    for case in cases
    for value in case.values
]
"""With whether the server's own modes let the value in."""


@dataclass(frozen=True)
class Spot:
    """One kind, through the system that has them all."""

    name: str
    interop: Interop
    client: McpClient
    connection_id: str

    def ask(self, query: str, **params: object) -> Fields:
        answer = self.client.execute(self.connection_id, query, **params)
        assert answer["success"] is True, answer
        return answer

    def row(self, query: str, **params: object) -> list[object]:
        """Return the values of the only row."""
        rows = self.ask(query, **params)["rows"]
        assert isinstance(rows, list)
        (row,) = rows
        return list(row.values())


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest) -> Iterator[tuple[McpClient, Interop]]:
    with (
        every_kind(request) as interop,
        running(interop, executors=2) as system,
        McpClient.http(system) as made,
    ):
        yield made, interop


def spots(engine: str) -> list[str]:
    return [name for name, kind in KINDS.items() if kind.engine == engine]


@pytest.fixture
def spot(request: pytest.FixtureRequest, client: tuple[McpClient, Interop]) -> Iterator[Spot]:
    name = str(request.param)
    if (programs := KINDS[name].programs) is not None:
        programs_or_skip(programs)
    connection_id = client[0].connect(name)
    yield Spot(name, client[1], client[0], connection_id)
    client[0].call("disconnect_storage", connection_id=connection_id)


on_postgresql = pytest.mark.parametrize("spot", spots("postgresql"), indirect=True)
on_mysql = pytest.mark.parametrize("spot", spots("mysql"), indirect=True)


def casts(cases: Sequence[tuple[Case, str]], to: str = "") -> str:
    """Return one query of all the values."""
    return "select " + ", ".join(
        f"({value})::{case.type}{to} as c{number}" for number, (case, value) in enumerate(cases)
    )


def driven(spot: Spot, query: str) -> list[object]:
    """Return what psycopg makes of the only row."""
    accounts = spot.interop.accounts[spot.name]
    assert isinstance(accounts, Databases)
    server = accounts.server
    database = spot.interop.database
    with server.connect(server.admin_user, server.admin_password, database) as driver:
        # It reads arrays of types that it was told of, and domains as it was told to.
        for name in ("mood", "positive", "hstore"):
            info = TypeInfo.fetch(driver, name)
            assert info is not None
            info.register(driver)
            if name == "positive":
                driver.adapters.register_loader(info.oid, IntLoader)
        return only_row(driver, query)


def only_row(driver: psycopg.Connection, query: str) -> list[object]:
    row = driver.execute(query.encode()).fetchone()
    assert row is not None
    return list(row)


def unlike(cases: Sequence[tuple[object, ...]], one: list[object], two: list[object]) -> object:
    """Return what is not the same in both, with what it comes from."""
    assert len(cases) == len(one) == len(two)
    return [found for found in zip(cases, one, two, strict=True) if found[1] != found[2]]


@on_postgresql
def test_on_postgresql_a_value_is_what_the_driver_reads(spot: Spot) -> None:
    out, texts = spot.row(casts(DRIVEN)), spot.row(casts(AS_TEXT))

    found = [read(case, value) for (case, _), value in zip(DRIVEN, out, strict=True)]
    assert unlike(DRIVEN, found, driven(spot, casts(DRIVEN))) == []
    assert unlike(AS_TEXT, texts, driven(spot, casts(AS_TEXT, "::text"))) == []


@on_postgresql
def test_on_postgresql_what_came_out_goes_in_again(spot: Spot) -> None:
    cases = [*DRIVEN, *AS_TEXT]
    out = spot.row(casts(cases))

    places = [(case, f":p{number}") for number, (case, _) in enumerate(cases)]
    given = {f"p{n}": way_in(cases[n][0], value) for n, value in enumerate(out)}
    again = spot.row(casts(places), **given)

    assert unlike(cases, again, out) == []


@on_postgresql
def test_on_postgresql_the_documents_examples_are_true(spot: Spot) -> None:
    examples = documented_examples()

    found = spot.row("select " + ", ".join(f"{v} as c{n}" for n, v in enumerate(examples)))

    assert dict(zip(examples, found, strict=True)) == {
        value: json.loads(text) for value, text in examples.items()
    }


def filled(spot: Spot) -> list[object]:
    """Make a table with a column for each value; return what PyMySQL reads in it."""
    accounts = spot.interop.accounts[spot.name]
    assert isinstance(accounts, MysqlDatabases)
    server, database = accounts.server, accounts.role(spot.name)
    with (
        server.connect(server.admin_user, server.admin_password, database) as driver,
        driver.cursor() as cursor,
    ):
        cursor.execute("set sql_mode = ''")  # which lets dates be zero
        columns = [f"c{n} {case.type} null" for n, (case, _, _) in enumerate(MYSQLS)]
        cursor.execute("drop table if exists wide, again")
        cursor.execute(f"create table wide ({', '.join(columns)})")
        cursor.execute("create table again like wide")
        cursor.execute(f"insert into wide values ({', '.join(v for _, v, _ in MYSQLS)})")
        cursor.execute("select * from wide")
        (row,) = cursor.fetchall()
        return list(row)


@on_mysql
def test_on_mysql_a_value_is_what_the_driver_reads(spot: Spot) -> None:
    by_driver = filled(spot)

    out, columns = spot.row("select * from wide"), spot.ask("select * from wide")["columns"]

    found = [mysql_read(case, value) for (case, _, _), value in zip(MYSQLS, out, strict=True)]
    assert unlike(MYSQLS, found, by_driver) == []
    assert columns == [{"name": f"c{n}", "type": c.called} for n, (c, _, _) in enumerate(MYSQLS)]


@on_mysql
def test_on_mysql_what_came_out_goes_in_again(spot: Spot) -> None:
    filled(spot)
    out = spot.row("select * from wide")
    chosen = [n for n, (_, _, is_writable) in enumerate(MYSQLS) if is_writable]

    given = [MYSQLS[n][0].way_in.replace(":x", f":p{n}") for n in chosen]
    names = ", ".join(f"c{n}" for n in chosen)
    statement = f"insert into again ({names}) values ({', '.join(given)})"
    spot.ask(statement, **{f"p{n}": out[n] for n in chosen})

    again = spot.row(f"select {names} from again")
    assert unlike([MYSQLS[n] for n in chosen], again, [out[n] for n in chosen]) == []


@on_mysql
def test_on_mysql_the_documents_examples_are_true(spot: Spot) -> None:
    examples = documented_examples("MySQL and MariaDB")

    found = spot.row("select " + ", ".join(f"{v} as c{n}" for n, v in enumerate(examples)))

    assert dict(zip(examples, found, strict=True)) == {
        value: json.loads(text) for value, text in examples.items()
    }


@on_mysql
def test_on_mysql_json_is_embedded_where_the_server_calls_it_so(spot: Spot) -> None:
    accounts = spot.interop.accounts[spot.name]
    assert isinstance(accounts, MysqlDatabases)
    document = {"a": [1, {"b": None}], "ü": "\n"}
    spot.ask("create table documents (x json)")

    spot.ask("insert into documents (x) values (:x)", x=document)

    (out,) = spot.row("select x from documents")
    is_mysql = isinstance(accounts.server, Mysql9Server)
    assert (out if is_mysql else json.loads(str(out))) == document
    assert isinstance(out, dict) is is_mysql
