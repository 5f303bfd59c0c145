"""Which file is opened, and when it is let go."""

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from executor.sqlite.pools import IDLE_S
from tests.unit.executor.file_bench import FileBench
from tests.unit.executor.statement_bench import fault, rows


def make(path: Path, word: str = "one") -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (n integer, word text)")
        connection.execute("insert into t values (1, ?)", [word])
    return path


def has_open(path: Path) -> bool:
    entries = Path("/proc/self/fd").iterdir()
    return path in (entry.readlink() for entry in entries if entry.is_symlink())


def refusal(bench: FileBench, name: str = "reader") -> str:
    answer = bench.ask(None, name)
    assert fault(answer)["code"] == "database_unreachable"
    assert str(bench.path.parent) not in str(answer)
    return str(answer["error"])


def test_a_look_says_that_the_file_opens(shop: FileBench) -> None:
    assert shop.ask(None)["success"] is True
    assert shop.ask(None, "reader")["success"] is True


def test_the_log_names_the_connection_and_the_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bench = FileBench(tmp_path / "none.db")

    refusal(bench)

    bench.close()
    (line,) = capfd.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["level"], told["event"]) == ("warning", "file_unusable")
    assert (told["connection"], told["sentence"]) == ("reader", "The database file does not exist")
    assert str(tmp_path) not in line


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    bench = FileBench(tmp_path / "none.db")

    sentences = [refusal(bench, "writer"), refusal(bench)]

    bench.close()
    assert sentences == ["The database file does not exist"] * 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no database at all" * 100, "not a SQLite database"),
        (b"SQLite format 3\0" + b"\xff" * 5000, "not a SQLite database"),
    ],
)
def test_a_file_that_is_no_database_is_refused(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "some.db"
    path.write_bytes(content)
    bench = FileBench(path)

    assert sentence in refusal(bench)

    bench.close()
    assert path.read_bytes() == content


def test_a_link_in_the_files_place_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "shop.db").symlink_to(make(outside / "secret.db"))
    bench = FileBench(root / "shop.db")

    sentence = refusal(bench)

    bench.close()
    assert "not where the operator allows files" in sentence


def test_a_directory_that_became_a_link_out_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "inner").mkdir(parents=True)
    outside.mkdir()
    make(root / "inner" / "shop.db")
    make(outside / "shop.db", "secret")
    bench = FileBench(root / "inner" / "shop.db", roots=(root,))
    before = rows(bench.ask("select word from t", "reader"))

    shutil.rmtree(root / "inner")
    (root / "inner").symlink_to(outside)
    sentence = refusal(bench)

    bench.close()
    assert before == [{"word": "one"}]
    assert "not where the operator allows files" in sentence


def test_a_pipe_or_a_directory_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()

    for name in ("pipe", "directory"):
        bench = FileBench(tmp_path / name)
        assert refusal(bench) == "The database file is no regular file"
        bench.close()


def test_a_file_that_is_put_in_anothers_place_is_seen_at_once(
    shop: FileBench, tmp_path: Path
) -> None:
    shop.ask("select word from t", "reader")

    make(tmp_path / "next.db", "next").rename(shop.path)

    assert rows(shop.ask("select word from t", "reader")) == [{"word": "next"}]


def test_a_file_that_nobody_uses_is_let_go(shop: FileBench) -> None:
    shop.ask("select word from t", "reader")
    before = has_open(shop.path)

    left_s = shop.executions.pools.close_idle(now=time.monotonic())
    shop.executions.pools.close_idle(now=time.monotonic() + IDLE_S)

    assert before
    assert left_s is not None
    assert 0 < left_s <= IDLE_S
    assert not has_open(shop.path)
    assert rows(shop.ask("select word from t", "reader")) == [{"word": "one"}]


def test_a_reader_reads_a_file_with_a_log_that_nobody_has_open(shop: FileBench) -> None:
    shop.admin("pragma journal_mode = wal")
    shop.admin("insert into t values (2, 'two')")

    assert rows(shop.ask("select count(*) as c from t", "reader")) == [{"c": 2}]


def test_what_a_dead_writer_left_behind_is_undone_by_the_next(shop: FileBench) -> None:
    child = os.fork()
    if child == 0:
        writer = sqlite3.connect(shop.path, isolation_level=None)
        writer.execute("pragma cache_size = 1")
        writer.execute("begin immediate")
        writer.execute(
            "with recursive c(i) as (select 1 union all select i + 1 from c limit 20000)"
            " insert into t select i, 'unfinished' from c"
        )
        os._exit(0)
    os.waitpid(child, 0)

    reader = shop.ask("select count(*) as c from t", "reader")
    writer_rows = rows(shop.ask("select count(*) as c from t"))

    assert fault(reader)["code"] == "database_unreachable"
    assert "never finished" in str(reader["error"])
    assert writer_rows == [{"c": 1}]
    assert rows(shop.ask("select count(*) as c from t", "reader")) == [{"c": 1}]


def test_nothing_of_one_statement_shows_in_the_next(shop: FileBench) -> None:
    shop.ask("pragma user_version = 3")
    shop.ask("select 1 as unclosed union all select 2")

    assert rows(shop.ask("select count(*) as c from temp.sqlite_schema")) == [{"c": 0}]


def test_a_reader_stays_one_whatever_its_lease_says(shop: FileBench) -> None:
    shop.accesses["reader"] = "read-write"

    assert fault(shop.ask("delete from t", "reader"))["code"] == "read_only"
