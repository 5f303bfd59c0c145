"""Several at the same file: who waits, until when, and what is left of those that stop."""

import sqlite3
from contextlib import closing

import pytest

from tests.harness.waiting import until
from tests.unit.executor.file_bench import FileBench
from tests.unit.executor.statement_bench import fault, rows
from wire.faults import FaultCode


@pytest.fixture(params=["delete", "wal"])
def journal(request: pytest.FixtureRequest, shop: FileBench) -> str:
    mode = str(request.param)
    shop.admin(f"pragma journal_mode = {mode}")
    return mode


def test_eight_writers_all_come_to_their_turn(shop: FileBench, journal: str) -> None:
    asked = [shop.start(f"insert into t values ({i}, '{journal}')") for i in range(80)]

    answers = [one.answer() for one in asked]

    assert [answer["success"] for answer in answers] == [True] * 80
    assert shop.admin("select count(*) from t") == [(81,)]


def test_reads_and_writes_at_the_same_time_all_work(shop: FileBench, journal: str) -> None:
    asked = [
        shop.start(f"update t set n = n + 1 where word <> '{journal}'")
        if i % 4 == 0
        else shop.start("select n from t", "reader")
        for i in range(80)
    ]

    assert all(one.answer()["success"] for one in asked)
    assert shop.admin("select n from t") == [(21,)]


@pytest.mark.usefixtures("journal")
def test_a_writer_that_waits_too_long_is_told_so(shop: FileBench) -> None:
    with shop.locked():
        answer = shop.ask("delete from t", within_s=0.3)

    assert fault(answer)["code"] == "deadline"
    assert "locked" in str(answer["error"])
    assert fault(answer)["may_have_run"] is False
    assert rows(shop.ask("select count(*) as c from t")) == [{"c": 1}]


def test_a_reader_waits_while_somebody_has_the_file_for_itself(shop: FileBench) -> None:
    with shop.locked() as other:
        asked = shop.start("select n from t", "reader")
        until(lambda: shop.executions.running)
        other.execute("update t set n = 5")
        other.execute("commit")

        assert rows(asked.answer()) == [{"n": 5}]


def test_a_writer_that_waits_can_be_cancelled(shop: FileBench) -> None:
    with shop.locked():
        asked = shop.start("delete from t")
        until(lambda: shop.executions.running)

        asked.patience.stop(FaultCode.CANCELLED)

        assert fault(asked.answer())["code"] == "cancelled"


def test_a_commit_waits_for_readers_to_finish(shop: FileBench) -> None:
    with closing(sqlite3.connect(shop.path, isolation_level=None)) as reader:
        reader.execute("begin")
        reader.execute("select * from t").fetchall()
        asked = shop.start("update t set n = 7")
        until(lambda: shop.executions.running)
        reader.execute("commit")

        assert asked.answer() == {"success": True, "affected_rows": 1}


def test_a_commit_that_never_gets_its_turn_changes_nothing(shop: FileBench) -> None:
    with closing(sqlite3.connect(shop.path, isolation_level=None)) as reader:
        reader.execute("begin")
        reader.execute("select * from t").fetchall()

        answer = shop.ask("update t set n = 7", within_s=0.3)

    assert fault(answer)["code"] == "deadline"
    assert shop.admin("select n from t") == [(1,)]


def test_the_journal_mode_stays_as_it_was(shop: FileBench, journal: str) -> None:
    shop.ask("insert into t values (2, 'x')")

    assert shop.admin("pragma journal_mode") == [(journal,)]
