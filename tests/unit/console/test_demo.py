"""The demo database, with its real server: what it holds, who may do what, and how it ends."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from console.demo import DemoPlan
from console.demo.account import owner_of, server_account
from tests.unit.console.demo_bench import a_keeper, a_plan, credential, descendants, log_in


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[DemoPlan, subprocess.Popen[str]]]:
    with a_plan() as plan, a_keeper(plan) as keeper:
        yield plan, keeper


def test_the_sample_has_the_rows_that_the_documents_speak_of(
    demo: tuple[DemoPlan, subprocess.Popen[str]],
) -> None:
    counts = {
        "authors": 16,
        "books": 36,
        "customers": 180,
        "orders": 600,
        "order_lines": 1500,
        "reviews": 180,
        "monthly_sales": 18,
    }

    with log_in(demo[0], "demo") as connection:
        found = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            for table in counts
        }
        uncommented = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'v') AND obj_description(oid, 'pg_class') IS NULL"
        ).fetchall()

    assert found == {table: (count,) for table, count in counts.items()}
    assert uncommented == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO authors (name, country) VALUES ('x', 'y')",
        "UPDATE books SET price = 1",
        "DELETE FROM reviews",
        "TRUNCATE orders",
        "CREATE TABLE mine (i int)",
        "CREATE TEMPORARY TABLE mine (i int)",
        "SELECT lo_create(0)",
        "SELECT nextval('authors_author_id_seq')",
        "SELECT rolpassword FROM pg_authid",
    ],
)
def test_the_reader_may_only_select(
    demo: tuple[DemoPlan, subprocess.Popen[str]], statement: str
) -> None:
    with (
        log_in(demo[0], "demo") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_the_writer_may_change_every_table_and_create_none(
    demo: tuple[DemoPlan, subprocess.Popen[str]],
) -> None:
    with log_in(demo[0], "demo_rw") as connection:
        new = connection.execute(
            "INSERT INTO authors (name, country) VALUES ('Ismail Kadare', 'Albania')"
            " RETURNING author_id"
        ).fetchone()
        changed = connection.execute("UPDATE authors SET born = 1936 WHERE author_id = %s", new)
        removed = connection.execute("DELETE FROM authors WHERE author_id = %s", new)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (i int)")

    assert (changed.rowcount, removed.rowcount) == (1, 1)


def test_nobody_gets_in_as_the_superuser_or_without_the_password(
    demo: tuple[DemoPlan, subprocess.Popen[str]],
) -> None:
    connections = demo[0].configuration["connections"]
    assert isinstance(connections, dict)
    port = connections["demo"]["port"]

    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(f"host=127.0.0.1 port={port} dbname=bookshop user=postgres password=")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"host=127.0.0.1 port={port} dbname=bookshop user=demo_reader password=x")


def test_both_passwords_are_on_disk_only_where_the_operator_is_told(
    demo: tuple[DemoPlan, subprocess.Popen[str]],
) -> None:
    plan, _ = demo
    reader = credential(plan, "DEMO_READER_CREDENTIALS")[1].encode()
    writer = credential(plan, "DEMO_WRITER_CREDENTIALS")[1].encode()

    contents = {path: path.read_bytes() for path in plan.directory.rglob("*") if path.is_file()}

    assert [path for path in contents if reader in contents[path]] == [plan.reader_password_file]
    assert [path for path in contents if writer in contents[path]] == []
    assert plan.reader_password_file.read_bytes() == reader + b"\n"
    assert stat.S_IMODE(plan.reader_password_file.stat().st_mode) == 0o600
    assert plan.reader_password_file.stat().st_uid == os.geteuid()


def test_no_process_of_the_demo_has_a_password_in_its_command_line_or_environment(
    demo: tuple[DemoPlan, subprocess.Popen[str]],
) -> None:
    plan, keeper = demo
    passwords = [
        credential(plan, f"DEMO_{role}_CREDENTIALS")[1].encode() for role in ("READER", "WRITER")
    ]

    pids = [keeper.pid, *descendants(keeper.pid)]
    shown = b"".join(
        Path(f"/proc/{pid}/{place}").read_bytes()
        for pid in pids
        for place in ("cmdline", "environ")
    )

    assert len(pids) > 3
    assert not any(password in shown for password in passwords)


def test_the_data_belongs_to_the_server_s_user_alone_and_the_server_runs_as_it(
    demo: tuple[DemoPlan, subprocess.Popen[str]],
) -> None:
    plan, keeper = demo
    data = plan.directory / "data"

    servers = descendants(keeper.pid)

    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert owner_of(data) == server_account()
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in servers} == {server_account().uid}
