import argparse
import hashlib
import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.commands.prove import add_arguments, run
from console.failures import CommandFailedError
from console.system import Fields
from tests.harness.memory import a_process
from wire.codec import encode
from wire.console import StatusReport
from wire.packets import receive_packet, send_packet
from wire.rundir import CONTROL_SOCKET

MYSQL: Fields = {"name": "shop", "type": "mysql", "host": "db", "port": 3306, "database": "shop"}
POSTGRES: Fields = {**MYSQL, "name": "books", "type": "postgresql"}
OF_MYSQL = ["SHA1", "SHA1(SHA1)", "SHA256", "SHA256(SHA256)", "SHA512", "Ed25519"]


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def a_secret_file(directory: Path, secret: str) -> Path:
    path = directory / "secret"
    path.write_text(f"{secret}\nsecond line\n", encoding="utf-8")
    return path


def a_status(
    run_dir: Path, pids: Sequence[int | None], connections: Sequence[Fields] = ()
) -> bytes:
    processes = [
        {
            "role": "executor" if number else "supervisor",
            "name": f"process-{number}",
            "pid": pid,
            "state": "ready" if pid else "backoff",
            "uptime_s": 1.0,
            "restarts": 0,
        }
        for number, pid in enumerate(pids)
    ]
    report = {
        "processes": processes,
        "connections": list(connections),
        "leases": [],
        "leases_total": 0,
        "loans": [],
        "pools": [],
        "pools_total": 0,
        "requests": {},
        "executors": [],
        "logins": {},
        "limits": {},
        "url": None,
        "run_dir": str(run_dir),
        "version": "0",
        "configuration": "/etc/strongroom.json",
        "log": None,
    }
    return json.dumps(report).encode()


@contextmanager
def a_system(
    run_dir: Path, *pids: int | None, connections: Sequence[Fields] = ()
) -> Iterator[None]:
    """Answer one question for the status, as the supervisor of these processes would.

    Its processes are not this one's: what other tests have running here comes and goes.
    """
    with a_process("") as supervisor:
        status = a_status(run_dir, [supervisor, *pids], connections)
        with a_control_socket(run_dir, status):
            yield


@contextmanager
def a_control_socket(run_dir: Path, status: bytes) -> Iterator[None]:
    run_dir.mkdir(mode=0o711)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(run_dir / CONTROL_SOCKET))
    listener.listen()

    def serve() -> None:
        caller, _ = listener.accept()
        with caller, os.fdopen(os.memfd_create("status"), "r+b", buffering=0) as report:
            receive_packet(caller)
            report.write(status)
            report.seek(0)
            send_packet(caller, encode(StatusReport()), (report.fileno(),))

    server = threading.Thread(target=serve)
    server.start()
    try:
        yield
    finally:
        server.join()
        listener.close()


@pytest.mark.parametrize(("copies", "code"), [(0, 0), (1, 1)], ids=["nowhere", "held"])
def test_the_answer_is_one_json_object_an_exit_code_and_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], copies: int, code: int
) -> None:
    secret, run_dir = secrets.token_urlsafe(33), tmp_path / "run"
    path = a_secret_file(tmp_path, secret)
    args = arguments("--run-dir", str(run_dir), "--secret-file", str(path), "--json")
    with a_process("", secret.encode() * copies) as pid, a_system(run_dir, pid):
        assert run(args) == code

    printed = capsys.readouterr().out
    told = json.loads(printed)
    assert told["exit_code"] == code
    assert told["excluded_pids"] == []
    assert {part["pid"] for part in told["parts"]} >= {pid, None}
    assert secret[:8] not in printed


def test_the_secret_in_the_run_directory_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, run_dir = secrets.token_urlsafe(33), tmp_path / "run"
    path = a_secret_file(tmp_path, secret)
    args = arguments("--run-dir", str(run_dir), "--secret-file", str(path))
    with a_process("") as pid, a_system(run_dir, pid):
        (run_dir / "strongroom.log").write_text(f"login_failed password={secret}\n")

        assert run(args) == 1

    printed = capsys.readouterr().out
    assert f"directory: whole, raw, in file at 0x16, {run_dir}/strongroom.log" in printed
    assert secret[:8] not in printed


def test_a_process_that_is_being_restarted_makes_the_answer_incomplete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = tmp_path / "run"
    path = a_secret_file(tmp_path, secrets.token_urlsafe(33))
    with a_process("") as pid, a_system(run_dir, pid, None):
        assert run(arguments("--run-dir", str(run_dir), "--secret-file", str(path))) == 3

    assert "process-2: process: it is being restarted" in capsys.readouterr().out


def test_where_nothing_runs_the_status_is_that_of_incomplete(tmp_path: Path) -> None:
    path = a_secret_file(tmp_path, secrets.token_urlsafe(33))
    args = arguments("--run-dir", str(tmp_path / "run"), "--secret-file", str(path))

    with pytest.raises(CommandFailedError, match="nothing runs on") as caught:
        run(args)

    assert caught.value.status == 3


def test_a_secret_that_cannot_be_looked_for_ends_with_the_status_of_incomplete(
    tmp_path: Path,
) -> None:
    run_dir, path = tmp_path / "run", a_secret_file(tmp_path, "")
    args = arguments("--run-dir", str(run_dir), "--secret-file", str(path))

    with (
        a_system(run_dir),
        pytest.raises(CommandFailedError, match="a secret of 0 characters") as caught,
    ):
        run(args)

    assert caught.value.status == 3


@pytest.mark.parametrize(
    ("connections", "options", "sought"),
    [
        ([MYSQL], (), OF_MYSQL),
        ([POSTGRES, MYSQL], (), OF_MYSQL),
        ([POSTGRES], (), []),
        ([POSTGRES, MYSQL], ("--connection", "shop"), OF_MYSQL),
    ],
    ids=["of MySQL", "one of them of MySQL", "not of MySQL", "said to be of MySQL"],
)
def test_what_mysql_makes_of_a_password_is_looked_for_where_it_may_be_one_of_mysqls(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    connections: list[Fields],
    options: tuple[str, ...],
    sought: list[str],
) -> None:
    run_dir = tmp_path / "run"
    path = a_secret_file(tmp_path, secrets.token_urlsafe(33))
    args = arguments("--run-dir", str(run_dir), "--secret-file", str(path), "--json", *options)

    with a_process("") as pid, a_system(run_dir, pid, connections=connections):
        assert run(args) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["sought"] == sought
    assert any("caching_sha2_password" in note for note in told["notes"]) is bool(sought)
    asks_for_more = any("give --connection and --user" in note for note in told["notes"])
    assert asks_for_more is (POSTGRES in connections and not options)


def test_a_hash_that_mysql_stores_is_found_without_the_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, run_dir = secrets.token_urlsafe(33), tmp_path / "run"
    path = a_secret_file(tmp_path, secret)
    args = arguments("--run-dir", str(run_dir), "--secret-file", str(path))
    once = hashlib.sha1(secret.encode(), usedforsecurity=False).digest()
    stored = hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()

    with a_process("", stored.encode()) as pid, a_system(run_dir, pid, connections=[MYSQL]):
        assert run(args) == 1

    assert "whole, SHA1(SHA1) HEX, in memory" in capsys.readouterr().out
