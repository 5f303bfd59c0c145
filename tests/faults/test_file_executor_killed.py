"""A file executor dies: idle, in the middle of a write, and in the middle of a read."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.clients import McpClient, fault_of
from tests.harness.files import Files
from tests.harness.system import System
from tests.harness.waiting import until

pytestmark = pytest.mark.faults

ENDLESS = "with recursive c(i) as (select 1 union all select i + 1 from c)"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def system(files: Files) -> Iterator[System]:
    with files.system(statementSeconds=20) as running:
        yield running


@pytest.fixture
def client(system: System) -> Iterator[McpClient]:
    with McpClient.http(system) as made:
        yield made


def who_has_it_locked(files: Files) -> int | None:
    """Return the process that has a lock on the file (proc_locks(5))."""
    inode = str(files.path.stat().st_ino)
    for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
        fields = line.split()
        if fields[1] == "POSIX" and fields[5].rpartition(":")[2] == inode:
            return int(fields[4])
    return None


def kill_who_runs(system: System, files: Files) -> int:
    pid = until(lambda: who_has_it_locked(files))
    assert pid in [one.pid for one in system.processes("file-executor")]
    os.kill(pid, signal.SIGKILL)
    return pid


def test_nobody_notices_an_idle_file_executors_death(
    system: System, client: McpClient, files: Files
) -> None:
    shop = client.connect("shop")
    client.execute(shop, "select 1")

    for _ in range(2):
        system.wait_until_replaced("file-executor", system.kill("file-executor"))
    answer = client.execute(shop, "insert into t (word) values ('after')")

    assert answer == {"success": True, "affected_rows": 1}
    assert files.count() == 2


def test_a_write_that_was_running_is_reported_lost_and_undone_at_the_next_opening(
    system: System, client: McpClient, files: Files
) -> None:
    shop = client.connect("shop")
    journal = files.path.with_name("shop.db-journal")
    running = client.begin_execute(
        shop, f"{ENDLESS} insert into t (word) select hex(zeroblob(500)) from c"
    )
    # It has begun to write into the file itself.
    size_bytes = files.path.stat().st_size
    until(lambda: files.path.stat().st_size > 10 * size_bytes)

    pid = kill_who_runs(system, files)
    answer = running.result(5)
    was_unfinished = journal.exists()
    rows = client.execute(shop, "select count(*) as c from t")["rows"]

    assert fault_of(answer)["code"] == "executor_lost"
    assert fault_of(answer)["may_have_run"] is True
    assert was_unfinished
    assert rows == [{"c": 1}]
    assert not journal.exists()
    system.wait_until_replaced("file-executor", pid)
    assert files.admin("pragma integrity_check") == [("ok",)]


def test_a_read_is_run_once_more_by_another_and_then_given_up(
    system: System, client: McpClient, files: Files
) -> None:
    reader = client.connect("shop_reader")
    running = client.begin_execute(reader, f"{ENDLESS} select count(*) from c, t")

    first = kill_who_runs(system, files)
    until(lambda: who_has_it_locked(files) not in (None, first))
    second = kill_who_runs(system, files)
    answer = running.result(5)

    assert first != second
    assert fault_of(answer)["code"] == "executor_lost"
    system.wait_until_replaced("file-executor", second)
    assert client.execute(reader, "select n from t")["rows"] == [{"n": 1}]


def test_a_connect_whose_file_executors_are_gone_waits_for_the_next(
    system: System, client: McpClient
) -> None:
    for number in (0, 1):
        system.kill("file-executor", number=number)

    assert client.execute(client.connect("shop"), "select n from t")["rows"] == [{"n": 1}]


def test_a_stopped_file_executor_is_ended_and_the_client_told(files: Files) -> None:
    with files.system(statementSeconds=1) as system, McpClient.http(system) as client:
        shop = client.connect("shop")
        pids = [one.pid for one in system.processes("file-executor")]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)

        answer = client.execute(shop, "insert into t (word) values ('w')")

        assert fault_of(answer)["code"] in {"executor_lost", "outcome_unknown"}
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        assert until(lambda: client.execute(shop, "select 1 as n").get("rows")) == [{"n": 1}]
