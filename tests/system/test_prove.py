"""`strongroom prove` as a user runs it, on a system that is in use."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.clients import McpClient
from tests.harness.databases import Databases
from tests.harness.postgres import PostgresServer
from tests.harness.system import System

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="reading other processes needs root")

KEYS = ["MD5", "SaltedPassword", "ClientKey", "StoredKey", "ServerKey"]


@pytest.fixture(scope="module")
def databases(postgres: PostgresServer) -> Databases:
    made = Databases(postgres)
    made.add("wordy", password="GoodPassword_123")
    made.add("ascii", password=f"Zx:@/%'\"\\{os.urandom(16).hex()}")
    return made


@pytest.fixture(scope="module")
def system(databases: Databases) -> Iterator[System]:
    with (
        System(
            configuration={"connections": databases.connections},
            credentials=databases.environment,
        ) as running,
        McpClient.http(running) as client,
    ):
        for name in ("ascii", "wordy"):
            client.execute(client.connect(name), "select 1")
        yield running


def proved(system: System, secret: str, tmp_path: Path, *options: str) -> tuple[int, str]:
    path = tmp_path / "secret"
    path.write_text(f"{secret}\n", encoding="utf-8")
    command = [sys.executable, "-P", "-m", "console", "prove", "--run-dir", str(system.run_dir)]
    ran = subprocess.run(
        [*command, "--secret-file", str(path), *options],
        env=system.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    assert secret not in ran.stdout
    return ran.returncode, ran.stdout


def of_the_connection(databases: Databases) -> tuple[str, ...]:
    return ("--connection", "ascii", "--user", databases.role("ascii"))


def test_a_system_in_use_is_clean_of_the_password_and_of_all_that_logins_make_of_it(
    system: System, databases: Databases, tmp_path: Path
) -> None:
    status, printed = proved(
        system,
        databases.passwords["ascii"],
        tmp_path,
        *of_the_connection(databases),
        "--json",
    )

    told = json.loads(printed)
    assert (status, told["verdict"]) == (0, "clean"), told["unscanned"]
    assert told["sought"] == KEYS
    assert {"supervisor", "vault", "executor", "text", "directory"} <= {
        part["role"] for part in told["parts"]
    }


def test_a_password_with_a_word_in_it_is_nowhere_until_more_than_the_word_is_somewhere(
    system: System, databases: Databases, tmp_path: Path
) -> None:
    password = databases.passwords["wordy"]

    clean = proved(system, password, tmp_path)
    planted = system.run_dir / "planted"
    planted.write_text(password[:12])
    try:
        found = proved(system, password, tmp_path)
    finally:
        planted.unlink()

    assert clean[0] == 0, clean[1]
    assert clean[1].startswith("control: planted in a process of the scanner's own, all ")
    assert " of the secret's 9 pieces are ordinary words" in clean[1]
    assert found[0] == 1
    assert "12 bytes of it, raw, in file" in found[1]


def test_a_key_that_is_planted_is_found_without_the_password(
    system: System, databases: Databases, tmp_path: Path
) -> None:
    keys = dict(databases.derivatives("ascii"))
    planted = system.run_dir / "planted"
    planted.write_bytes(b"key=" + base64.b64encode(keys["StoredKey"]))
    try:
        status, printed = proved(
            system, databases.passwords["ascii"], tmp_path, *of_the_connection(databases)
        )
    finally:
        planted.unlink()

    assert status == 1
    assert "StoredKey base64+0, in file" in printed
    assert "\nFOUND: 1 traces" in printed


def test_a_server_that_does_not_tell_the_salt_makes_the_answer_incomplete(
    system: System, databases: Databases, postgres: PostgresServer, tmp_path: Path
) -> None:
    postgres.stop()
    try:
        status, printed = proved(
            system, databases.passwords["ascii"], tmp_path, *of_the_connection(databases)
        )
    finally:
        postgres.start()

    assert status == 3
    assert "SCRAM keys, whose salt 127.0.0.1:" in printed
    assert "Connection refused" in printed
    assert "\nINCOMPLETE: " in printed


def test_a_password_alone_is_looked_for_and_the_report_says_what_was_not(
    system: System, databases: Databases, tmp_path: Path
) -> None:
    status, printed = proved(system, databases.passwords["ascii"], tmp_path)

    assert status == 0
    assert "Not looked for: the password's SCRAM keys" in printed


def test_a_connection_that_is_none_is_refused_with_the_status_of_incomplete(
    system: System, tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    path.write_text("whatever it is\n")

    ran = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "console", "prove", "--run-dir", str(system.run_dir)),
            *("--secret-file", str(path), "--connection", "none", "--user", "x"),
        ],
        env=system.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 3
    assert ran.stderr == "strongroom: the running system has no connection 'none' to a server\n"
