"""`strongroom query` and a running system: an MCP client, a real server, rows that come back."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.postgres import PostgresServer
from tests.harness.system import ROOT, System


@pytest.fixture(scope="module")
def system(postgres: PostgresServer) -> Iterator[System]:
    """A system with one read-only and one read-write connection."""
    password = f"p:@/%' \"\\é{secrets.token_urlsafe(16)}"
    role = f"asker_{secrets.token_hex(4)}"
    postgres.create_role(role, password)
    server = {
        "type": "postgresql",
        "host": postgres.host,
        "port": postgres.port,
        "database": "postgres",
        "credentialsEnv": "ASKER_CREDENTIALS",
    }
    connections = {"reads": {**server, "access": "read-only"}, "writes": server}
    credentials = {"ASKER_CREDENTIALS": f"{role}:{password}"}
    with System(configuration={"connections": connections}, credentials=credentials) as running:
        yield running


def query(system: System, *arguments: str) -> subprocess.CompletedProcess[str]:
    return command("query", *arguments, "--run-dir", str(system.run_dir))


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "console", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_rows_come_as_lines_between_tabs(system: System) -> None:
    done = query(system, "reads", "SELECT 1 AS one, 'a\tb' AS text, NULL AS nothing")

    assert done.stdout == "one\ttext\tnothing\n1\ta\\tb\t\\N\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_parameters_keep_their_types(system: System) -> None:
    statement = "SELECT CAST(:n AS integer) + 1 AS n, CAST(:t AS text) AS t"

    done = query(system, "reads", statement, "--param", "n=41", "--param", "t=x=y", "--json")

    assert json.loads(done.stdout)["rows"] == [{"n": 42, "t": "x=y"}]


@pytest.mark.parametrize(
    ("connection", "statement", "words"),
    [
        ("nowhere", "SELECT 1", "No connection of that name"),
        ("reads", "SELEKT 1", "syntax error"),
        ("reads", "CREATE TABLE t (a int)", "read-only"),
    ],
)
def test_a_failure_is_a_sentence_and_a_status(
    system: System, connection: str, statement: str, words: str
) -> None:
    done = query(system, connection, statement)

    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_url_needs_its_token(system: System, tmp_path: Path) -> None:
    wrong = tmp_path / "token"
    wrong.write_text("wrong")
    token = system.run_dir / "token"
    at = ("query", "reads", "SELECT 1 AS one", "--url", system.url)

    done = [command(*at, *more) for more in ((), ("--token-file", str(wrong)))]
    let_in = command(*at, "--token-file", str(token))

    assert [one.returncode for one in done] == [1, 1]
    assert all("token" in one.stderr for one in done)
    assert let_in.stdout == "one\n1\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="the processes let nobody but root look")
def test_the_credentials_are_in_no_environment_of_the_running_system(system: System) -> None:
    pids = [one.pid for one in system.status().processes]

    environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in pids]

    assert not any(b"ASKER_CREDENTIALS" in environment for environment in environments)
