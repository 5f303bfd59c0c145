"""`strongroom query` and a running system: an MCP client, a real server, rows that come back."""

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.harness.postgres import PostgresServer
from tests.harness.system import ROOT, System

COMMAND = (sys.executable, "-P", "-m", "console")
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def system(postgres: PostgresServer) -> Iterator[System]:
    """A system with two connections, one with a wrong password, and one where no server is."""
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
    wrong = {**server, "credentialsEnv": "WRONG_CREDENTIALS"}
    away = {**server, "port": 1}
    reads = {**server, "access": "read-only"}
    connections = {"reads": reads, "writes": server, "wrong": wrong, "away": away}
    credentials = {"ASKER_CREDENTIALS": f"{role}:{password}", "WRONG_CREDENTIALS": f"{role}:no"}
    with System(configuration={"connections": connections}, credentials=credentials) as running:
        yield running


def query(system: System, *arguments: str) -> subprocess.CompletedProcess[str]:
    return command("query", *arguments, "--run-dir", str(system.run_dir))


def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**ENVIRONMENT, **variables},
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
    ("given", "kind", "kept"),
    [
        ("1.500", "numeric", "1.500"),
        ("12345678901234567890.123456789", "numeric", "12345678901234567890.123456789"),
        ("1e400", "numeric", "1" + "0" * 400),
        ("NaN", "numeric", "NaN"),
        ("Infinity", "text", "Infinity"),
        ('{"x":1,  "x":2.50}', "text", '{"x":1,  "x":2.50}'),
        ("[1.50,2]", "text", "[1.50,2]"),
        ('"a"', "text", '"a"'),
        ("\u20ac", "text", "\u20ac"),
    ],
)
def test_a_parameter_arrives_as_it_is_written(
    system: System, given: str, kind: str, kept: str
) -> None:
    done = query(system, "reads", f"SELECT CAST(:x AS {kind}) AS x", "--param", f"x={given}")

    assert (done.stdout, done.stderr) == (f"x\n{kept}\n", "")


@pytest.mark.parametrize(
    "wrong",
    [("\udcff", "SELECT 1"), ("reads", "SELECT '\udcff'"), ("reads", "S", "--param", "x=\udcff")],
    ids=["connection", "statement", "parameter"],
)
def test_bytes_that_are_no_text_are_refused_before_anything_is_opened(
    system: System, wrong: tuple[str, ...]
) -> None:
    done = query(system, *wrong)

    assert done.returncode == 2
    assert done.stderr.endswith(" is not UTF-8 text\n")
    assert system.status().leases == []


def test_as_json_a_failure_is_the_whole_answer_as_well(system: System) -> None:
    done = query(system, "reads", "SELECT 1 +", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["fault"]["sqlstate"] == "42601"
    assert "syntax error" in done.stderr


def test_a_statement_that_may_have_taken_effect_is_said_to(system: System) -> None:
    done = query(system, "writes", "SELECT pg_terminate_backend(pg_backend_pid())")

    assert done.returncode == 1
    assert "The statement may have taken effect.\n" in done.stderr


@pytest.mark.parametrize(
    ("connection", "statement", "words"),
    [
        ("nowhere", "SELECT 1", "No connection of that name"),
        ("reads", "SELECT 1 +", "syntax error"),
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


@pytest.mark.parametrize("connection", ["wrong", "away"])
def test_a_login_that_did_not_come_about_says_where_the_log_is(
    system: System, connection: str
) -> None:
    done = query(system, connection, "SELECT 1")

    assert done.returncode == 1
    assert done.stderr.endswith("\nlog: the standard error of whoever started the system\n")


def test_what_a_database_says_is_no_command_to_a_terminal(system: System) -> None:
    done = query(system, "reads", "SELECT CAST(U&'\\001B]0;x\\0007' AS integer)")

    assert done.returncode == 1
    assert "\\x1b]0;x\\x07" in done.stderr
    assert done.stderr.replace("\n", "").isprintable()


def test_an_output_that_is_full_is_one_sentence(system: System) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "query", "reads", "SELECT 1", "--run-dir", str(system.run_dir)],
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=30,
        )

    assert done.returncode == 1
    assert done.stderr == "strongroom: the output: No space left on device\n"


def test_an_output_without_a_character_gets_its_escape(system: System) -> None:
    ask = ("query", "reads", "SELECT '\u20ac' AS a", "--run-dir", str(system.run_dir))

    lines, document = (command(*ask, *more, PYTHONIOENCODING="ascii") for more in ((), ("--json",)))

    assert lines.stdout == "a\n\\u20ac\n"
    assert json.loads(document.stdout)["rows"] == [{"a": "\u20ac"}]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1/mcp", "nothing answers at http://127.0.0.1:1/mcp"),
        ("localhost", "localhost is not a URL that begins with http:// or https://"),
        ("http://a:b/", "http://a:b/ is not a URL"),
    ],
)
def test_a_url_that_leads_nowhere_is_one_sentence(url: str, words: str) -> None:
    done = command("query", "a", "SELECT 1", "--url", url)

    assert (done.returncode, done.stderr) == (1, f"strongroom: {words}\n")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "closed the connection"),
        (b"220 mail.example.com\r\n", "does not speak HTTP"),
        (b"HTTP/1.0 404 No\r\nContent-Length: 0\r\n\r\n", "Not Found"),
        (b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\nhi", "Unexpected content type"),
    ],
    ids=["nothing", "mail", "404", "page"],
)
def test_another_kind_of_server_is_one_sentence(answer: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        pool.submit(answer_always, listener, answer)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        try:
            done = command("query", "a", "SELECT 1", "--url", url)
        finally:
            listener.shutdown(socket.SHUT_RDWR)

    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def answer_always(listener: socket.socket, answer: bytes) -> None:
    with suppress(OSError):
        while True:
            caller, _ = listener.accept()
            with caller:
                caller.recv(65536)
                caller.sendall(answer)
                caller.shutdown(socket.SHUT_WR)
                # What is closed unread is reset, and a reset may overtake the answer.
                while caller.recv(65536):
                    pass


def test_a_parameter_without_a_value_is_a_wrong_command_line(system: System) -> None:
    assert query(system, "reads", "SELECT :n", "--param", "n").returncode == 2


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
