"""The two things that hold a read-only lease, each alone, on real MariaDB and MySQL servers."""

import secrets
from collections.abc import Iterator
from typing import Final

import pymysql
import pytest

from executor import guard
from executor.dialects import MYSQL
from tests.harness.mariadb import MariadbServer
from tests.harness.mysql_family import MysqlFamilyServer
from tests.unit.executor import mysql_attacks as attacks
from tests.unit.executor import mysql_reads as reads
from wire.faults import FaultCode, RefusedError

READ_ONLY: Final = 1792
"""ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, of both servers."""
FINGERPRINT: Final = (
    "select table_name, table_type from information_schema.tables where table_schema = database()",
    "select table_name, column_name, ordinal_position from information_schema.columns where table_schema = database()",  # noqa: E501
    "select table_name, index_name from information_schema.statistics where table_schema = database()",  # noqa: E501
    "select table_name, view_definition from information_schema.views where table_schema = database()",  # noqa: E501
    "select routine_name from information_schema.routines where routine_schema = database()",
    "select trigger_name from information_schema.triggers where trigger_schema = database()",
    "select event_name from information_schema.events where event_schema = database()",
)


class Place:
    """A user's own database on one server, with what the lists are about."""

    def __init__(self, server: MysqlFamilyServer) -> None:
        self.server = server
        self.name = f"u_{secrets.token_hex(6)}"
        self.password = ":@/%' \"\\é" + secrets.token_urlsafe(9)
        server.create_user(self.name, self.password)
        server.create_database(self.name, self.name)
        # Where there is a binary log, a user without SUPER makes no function without it.
        server.admin_sql("set global log_bin_trust_function_creators = 1")
        self.connection = server.connect(self.name, self.password, self.name)
        self.make_anew()

    @property
    def is_mariadb(self) -> bool:
        return isinstance(self.server, MariadbServer)

    def make_anew(self) -> None:
        """Make the database as it was at the start, over a session that is as new."""
        self.connection.close()
        self.connection = self.server.connect(self.name, self.password)
        more = attacks.STANDING_ON_MARIADB if self.is_mariadb else ()
        for statement in (
            f"drop database if exists {self.name}",
            f"create database {self.name}",
            f"use {self.name}",
            *attacks.STANDING,
            *more,
        ):
            self.run(statement)

    def run(self, statement: str) -> list[tuple[object, ...]]:
        """Run *statement* and return the rows of its first result."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            found = list(cursor.fetchall())
            while cursor.nextset():
                pass
        return found

    def run_within(self, access: str, statement: str) -> int:
        """Run *statement* in a transaction that is kept; return the server's error, or 0."""
        # A change of the schema ends the transaction, and then the session's own access counts.
        self.run(f"set session transaction {access}")
        self.run(f"start transaction {access}")
        try:
            self.run(statement)
        except pymysql.MySQLError as error:
            return int(error.args[0])
        finally:
            self.run("commit")
        return 0

    def fingerprint(self) -> list[object]:
        """Return what another session sees of the database."""
        with self.server.connect(self.name, self.password, self.name) as other:
            found: list[object] = []
            for statement in (*FINGERPRINT, "select * from t", self._sequence()):
                with other.cursor() as cursor:
                    try:
                        cursor.execute(statement)
                        found.append(sorted(map(repr, cursor.fetchall())))
                    except pymysql.MySQLError as error:
                        found.append(error.args[0])
            return found

    def _sequence(self) -> str:
        return "select * from seq" if self.is_mariadb else "select 1"

    def of(
        self, both: tuple[str, ...], on_mariadb: tuple[str, ...], on_mysql: tuple[str, ...]
    ) -> tuple[str, ...]:
        return (*both, *(on_mariadb if self.is_mariadb else on_mysql))


def code_of(statement: str, *, read_only: bool = True) -> FaultCode | None:
    try:
        fault = guard.refuse(statement, dialect=MYSQL, read_only=read_only)
    except RefusedError as error:
        fault = error.fault
    return None if fault is None else fault.code


@pytest.fixture(scope="module")
def place(mysql_family: MysqlFamilyServer) -> Iterator[Place]:
    made = Place(mysql_family)
    yield made
    made.connection.close()


def test_with_nothing_in_front_each_write_writes(place: Place) -> None:
    idle: dict[str, int] = {}
    for statement in place.of(attacks.WRITES, attacks.WRITES_ON_MARIADB, attacks.WRITES_ON_MYSQL):
        place.make_anew()
        before = place.fingerprint()

        errno = place.run_within("read write", statement)

        if errno or place.fingerprint() == before:
            idle[statement] = errno

    assert idle == {}


def test_without_the_guard_the_transaction_holds_what_writes(place: Place) -> None:
    place.make_anew()
    before = place.fingerprint()

    codes = {
        statement: place.run_within("read only", statement)
        for statement in place.of(
            attacks.WRITES, attacks.WRITES_ON_MARIADB, attacks.WRITES_ON_MYSQL
        )
    }

    assert {sql: code for sql, code in codes.items() if code != READ_ONLY} == {}
    assert place.fingerprint() == before


def test_locks_and_temporary_tables_are_held_by_the_transaction_too(place: Place) -> None:
    place.make_anew()

    codes = {
        statement: (
            place.run_within("read write", statement),
            place.run_within("read only", statement),
        )
        for statement in attacks.HELD
    }

    assert set(codes.values()) == {(0, READ_ONLY)}


def test_a_read_only_transaction_lets_the_others_pass_which_the_guard_refuses(place: Place) -> None:
    errors: dict[str, int] = {}
    for statement in place.of(attacks.LOOSE, attacks.LOOSE_ON_MARIADB, attacks.LOOSE_ON_MYSQL):
        place.make_anew()

        errno = place.run_within("read only", statement)

        if errno:
            errors[statement] = errno

    assert errors == {}


def test_what_reads_runs_and_changes_nothing(place: Place) -> None:
    place.make_anew()
    before = place.fingerprint()

    honest = place.of(reads.HONEST, reads.HONEST_ON_MARIADB, reads.HONEST_ON_MYSQL)
    errors = {statement: place.run_within("read only", statement) for statement in honest}

    assert {sql: code for sql, code in errors.items() if code} == {}
    assert place.fingerprint() == before


def test_a_stored_function_is_held_by_the_transaction_alone(place: Place) -> None:
    place.make_anew()
    before = place.fingerprint()

    errno = place.run_within("read only", "select added()")

    assert code_of("select added()") is None
    assert errno == READ_ONLY
    assert place.fingerprint() == before


def test_what_shows_a_password_is_refused_where_the_server_shows_it(mariadb: MariadbServer) -> None:
    place = Place(mariadb)

    shown = repr(place.run("show grants"))

    stored = mariadb.admin_sql(
        "select authentication_string from mysql.user where user = %s", place.name
    )
    place.connection.close()
    assert str(stored[0][0]) in shown
    for statement in ("show grants", "show create user", "select * from mysql.user"):
        for read_only in (True, False):
            assert code_of(statement, read_only=read_only) is FaultCode.STATEMENT_REFUSED
