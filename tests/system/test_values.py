"""Every type's values on their way out and in, beside a driver of its own."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psycopg
import pytest
from psycopg.types import TypeInfo
from psycopg.types.numeric import IntLoader

from tests.harness.clients import Fields, McpClient
from tests.harness.databases import Databases
from tests.harness.system import System
from tests.harness.values import CASES, TYPES, Case, documented_examples, read, way_in

EVERY: Final = [
    pytest.param(case, id=f"{name}: {case.type} {number}")
    for name, cases in CASES.items()
    for number, case in enumerate(cases)
]
every_case = pytest.mark.parametrize("case", EVERY)


@dataclass(frozen=True)
class Both:
    """One database by way of the system, and directly."""

    client: McpClient
    connection_id: str
    driver: psycopg.Connection

    def ask(self, query: str, **params: object) -> Fields:
        answer = self.client.execute(self.connection_id, query, **params)
        assert answer["success"] is True, answer
        return answer

    def one(self, query: str, **params: object) -> object:
        """Return the only value of the only row."""
        rows = self.ask(query, **params)["rows"]
        assert isinstance(rows, list)
        (row,) = rows
        (value,) = row.values()
        return value

    def driven(self, query: str) -> object:
        """Return what the driver makes of it."""
        row = self.driver.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture(scope="module")
def both(system: System, databases: Databases) -> Iterator[Both]:
    schema, server, role = f"v_{secrets.token_hex(4)}", databases.server, databases.role("writer")
    server.admin_sql(f"create schema {schema}")
    server.admin_sql(f"grant usage on schema {schema} to {role}")
    for statement in TYPES:
        with server.connect(server.admin_user, server.admin_password, "postgres") as admin:
            admin.execute(f"set search_path = {schema}".encode())
            admin.execute(statement.encode())
    server.admin_sql(f"alter role {role} set search_path = {schema}")
    # Whatever role and database have for a default, the values are written one way.
    for setting in ("bytea_output = escape", "extra_float_digits = 0", "intervalstyle = iso_8601"):
        server.admin_sql(f"alter role {role} set {setting}")
    server.admin_sql(f"alter role {role} set datestyle = 'German, DMY'")
    with (
        server.connect(server.admin_user, server.admin_password, "postgres") as driver,
        McpClient.http(system) as client,
    ):
        driver.execute(f"set search_path = {schema}".encode())
        for name in ("mood", "positive", "hstore"):
            # A driver reads arrays of types that it was told of, and domains as it was told to.
            info = TypeInfo.fetch(driver, name)
            assert info is not None
            info.register(driver)
            if name == "positive":
                driver.adapters.register_loader(info.oid, IntLoader)
        yield Both(client, client.connect("writer"), driver)
    server.admin_sql(f"drop schema {schema} cascade")


@every_case
def test_a_value_is_what_the_driver_reads_in_the_database(both: Both, case: Case) -> None:
    for value in case.values:
        expression = f"select ({value})::{case.type} as v"

        out = both.one(expression)

        assert read(case, out) == both.driven(expression), (value, out)


@every_case
def test_a_value_that_no_driver_reads_is_the_servers_text(both: Both, case: Case) -> None:
    for value in case.as_text:
        out = both.one(f"select ({value})::{case.type} as v")

        assert out == both.driven(f"select ({value})::{case.type}::text"), value


@every_case
def test_what_came_out_goes_in_again(both: Both, case: Case) -> None:
    for value in (*case.values, *case.as_text):
        out = both.one(f"select ({value})::{case.type} as v")

        again = both.one(f"select :x::{case.type} as v", x=way_in(case, out))

        assert again == out, value


def test_the_documents_examples_are_true(both: Both) -> None:
    examples = documented_examples()

    found = {value: both.one(f"select {value} as v") for value in examples}

    assert found == {value: json.loads(text) for value, text in examples.items()}


def test_each_column_has_the_servers_name_for_its_type(both: Both) -> None:
    answer = both.ask(
        "select 1 as a, 'x'::varchar as a, '{sad}'::mood[] as m, row(1, 'a')::pair as p, "
        "'a=>1'::hstore"
    )

    assert answer["columns"] == [
        {"name": "a", "type": "integer"},
        {"name": "a_2", "type": "character varying"},
        {"name": "m", "type": "mood[]"},
        {"name": "p", "type": "pair"},
        {"name": "hstore", "type": "hstore"},
    ]


def test_a_statement_that_changes_how_values_are_written_changes_only_its_own_result(
    both: Both,
) -> None:
    both.ask("set bytea_output = escape")
    both.ask(
        "select set_config('DateStyle', 'German', false), "
        "set_config('IntervalStyle', 'iso_8601', false)"
    )

    again = both.ask("select '\\x00'::bytea as b, date '2026-02-03' as d, interval '1 day' as i")

    assert again["rows"] == [{"b": "\\x00", "d": "2026-02-03", "i": "1 day"}]
