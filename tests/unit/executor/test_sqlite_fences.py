"""What a file executor keeps of the machine: the directories of its files, as far as it must."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from executor import landlock
from executor.sqlite.fences import rights
from executor.sqlite.settings import FileAccess
from wire.names import Access

PROGRAM = Path(__file__).with_name("confined_process.py")
ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or landlock.version() < 6,
    reason="this kernel has no Landlock of version 6",
)


@pytest.fixture
def port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=8) as server:
        yield str(server.getsockname()[1])


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with a database, beside one with somebody else's."""
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
        with closing(sqlite3.connect(tmp_path / name / "shop.db")) as connection:
            connection.execute("create table t (n)")
    return tmp_path / "mine"


def outcome(directory: Path, attempt: str, argument: object, access: Access) -> str:
    done = subprocess.run(
        [sys.executable, PROGRAM, directory, attempt, str(argument)],
        env={"PYTHONPATH": os.fspath(ROOT), "FILE_ACCESS": access},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("access", ["read-only", "read-write"])
def test_a_file_executor_reaches_nothing_but_its_files(
    directory: Path, port: str, access: Access
) -> None:
    attempts = {
        "tcp": port,
        "udp": "",
        "exec": "/bin/true",
        "fork": "",
        "read": directory.parent / "theirs" / "shop.db",
        "list": directory.parent,
        "write": directory.parent / "new",
        "memory": os.getpid(),
        "kill": os.getpid(),
        "make_socket": directory / "socket",
        "chmod": directory / "shop.db",
        "room": "",
    }

    found = {name: outcome(directory, name, what, access) for name, what in attempts.items()}

    assert "done" not in found.values(), found


@pytest.mark.parametrize("access", ["read-only", "read-write"])
def test_a_file_executor_reads_its_files(directory: Path, access: Access) -> None:
    assert outcome(directory, "read", directory / "shop.db", access) == "done"


def test_a_file_executor_writes_where_a_file_is_read_write_only(directory: Path) -> None:
    written = outcome(directory, "write", directory / "shop.db-journal", "read-write")
    refused = outcome(directory, "write", directory / "shop.db", "read-only")

    assert (written, refused) == ("done", "EACCES")


def test_the_directory_of_a_file_with_a_log_is_written_even_for_readers(directory: Path) -> None:
    with closing(sqlite3.connect(directory / "shop.db")) as connection:
        connection.execute("pragma journal_mode = wal")
    file = FileAccess(path=str(directory / "shop.db"), access="read-only")

    assert rights([file]) == {directory: landlock.WRITING}


def test_of_a_directory_the_most_is_kept_that_a_file_in_it_needs(directory: Path) -> None:
    accesses: tuple[Access, ...] = ("read-only", "read-write", "read-only")
    files = [FileAccess(path=str(directory / "shop.db"), access=access) for access in accesses]

    assert rights(files[:1]) == {directory: landlock.READING}
    assert rights(files) == {directory: landlock.WRITING}


def test_a_directory_that_is_not_there_is_passed_over(directory: Path) -> None:
    file = FileAccess(path=str(directory / "none" / "shop.db"), access="read-write")

    assert rights([file]) == {}
