"""A read-only lease on a file cannot write: the engine alone, with the guard taken out."""

import sqlite3
from contextlib import closing

import pytest

from executor.sqlite.authorizer import Authorizer
from tests.unit.executor.file_bench import FileBench
from tests.unit.executor.statement_bench import fault, rows

SEARCH = """
    create virtual table docs using fts4(body);
    insert into docs values ('a b'), ('c d');
    create virtual table places using rtree(id, low, high);
    insert into places values (1, 2, 3);
    create virtual table books using fts5(body);
    insert into books values ('a b');
    create table some_node (n);
    create table audit (n);
    create trigger told after insert on t begin insert into audit values (new.n); end;
    create view sneaky as select n, word from t;
    create trigger through instead of insert on sneaky begin insert into t values (new.n, ''); end;
"""

WRITES = [
    "insert into t values (2, 'x')",
    "insert into t values (2, 'x') returning n",
    "replace into t values (2, 'x')",
    "update t set n = 2",
    "delete from t",
    "with a as (select 5) insert into t select *, 'x' from a returning *",
    "insert into sneaky values (3, 'x')",
    "create table fresh (n)",
    "create temp table fresh (n)",
    "create temp view fresh as select 1",
    "create temp trigger x after insert on t begin select 1; end",
    "create table fresh as select 1",
    "create index i on t (n)",
    "create view w as select 1",
    "create virtual table v using fts5(x)",
    "drop table t",
    "drop view sneaky",
    "alter table t add column m",
    "alter table t rename to u",
    "reindex",
    "analyze",
    "insert into docs values ('e')",
    "insert into docs(docs) values ('optimize')",
    "select optimize(docs) from docs",
    "insert into books(books) values ('rebuild')",
    "insert into places values (4, 5, 6)",
    "delete from places_node",
    "insert into some_node values (1)",
    "update sqlite_master set sql = ''",
    "delete from sqlite_master",
    "pragma query_only = off",
    "pragma query_only(0)",
    "pragma writable_schema = on",
    "pragma user_version = 7",
    "pragma application_id = 7",
    "pragma schema_version = 7",
    "pragma journal_mode = wal",
    "pragma journal_mode = off",
    "pragma locking_mode = exclusive",
    "pragma wal_checkpoint",
    "pragma incremental_vacuum",
    "pragma optimize",
    "pragma auto_vacuum = 1",
    "pragma encoding = 'UTF-16'",
    "select * from pragma_user_version(7)",
    "select * from pragma_optimize",
    "vacuum",
    "vacuum into '/tmp/never'",
    "attach ':memory:' as other",
    "detach main",
    "begin immediate",
    "commit",
    "savepoint s",
    "select 1; delete from t",
]
OPERATORS = [
    "attach '/tmp/never' as other",
    "attach ':memory:' as other",
    "detach main",
    "vacuum",
    "vacuum into '/tmp/never'",
    "select load_extension('x')",
    "select fts3_tokenizer('simple')",
    "select fts3_tokenizer('mine', x'0000000000000000')",
    "select readfile('/etc/passwd')",
    "select writefile('/tmp/never', 'x')",
    "select edit('x')",
    "select * from sqlite_dbpage",
    "select * from sqlite_stmt",
    "select 'a' regexp '(a+)+$'",
    "create temp table fresh (n)",
    "create virtual table v using csv(filename='/etc/passwd')",
    "create virtual table v using dbstat",
    "pragma writable_schema = on",
    "pragma trusted_schema = on",
    "pragma journal_mode = off",
    "pragma locking_mode = exclusive",
    "pragma hard_heap_limit = 0",
    "pragma temp_store_directory = '/tmp'",
    "pragma database_list",
    "select * from pragma_database_list",
    "pragma mmap_size = 1000000000",
    "begin",
    "commit",
    "rollback",
    "savepoint s",
]
READS = [
    "select * from t",
    "select n from sneaky",
    "values (1)",
    "with a as (select 1 as n) select * from a",
    "explain select 1",
    "explain query plan select * from t",
    "select body from docs where docs match 'a'",
    "select snippet(docs) from docs where docs match 'c'",
    "select id from places where low < 5",
    "select body from books where books match 'a'",
    "select value from json_each('[1, 2]')",
    "select name from sqlite_schema",
    "pragma table_info(t)",
    "pragma user_version",
    "pragma journal_mode",
    "pragma integrity_check",
    "select name from pragma_table_info('t')",
    "select replace(word, 'o', 'O'), upper(word), printf('%d', n) from t",
    "select n, row_number() over (order by n) from t",
]


@pytest.fixture
def library(shop: FileBench) -> FileBench:
    """The shop with full-text search, triggers and a view that can be written."""
    with closing(sqlite3.connect(shop.path)) as connection:
        connection.executescript(SEARCH)
    return shop


def contents(bench: FileBench) -> bytes:
    return bench.path.read_bytes()


@pytest.mark.usefixtures("no_guard")
@pytest.mark.parametrize("statement", WRITES)
def test_without_the_guard_a_reader_still_cannot(library: FileBench, statement: str) -> None:
    before = contents(library)

    answer = library.ask(statement, "reader")

    assert answer["success"] is False
    assert fault(answer)["code"] in {"read_only", "statement_refused", "statement_failed"}
    assert contents(library) == before
    assert rows(library.ask("select count(*) as c from t", "reader")) == [{"c": 1}]


@pytest.mark.usefixtures("no_guard")
@pytest.mark.parametrize("statement", OPERATORS)
def test_without_the_guard_nobody_reaches_what_is_the_operators(
    library: FileBench, statement: str
) -> None:
    for name in ("writer", "reader"):
        assert library.ask(statement, name)["success"] is False

    assert rows(library.ask("select count(*) as c from t")) == [{"c": 1}]
    assert sorted(one.name for one in library.path.parent.iterdir()) == [library.path.name]


@pytest.mark.parametrize("statement", READS)
def test_a_reader_reads(library: FileBench, statement: str) -> None:
    assert library.ask(statement, "reader")["success"] is True


@pytest.mark.parametrize("statement", [*WRITES[:4], "pragma user_version = 7", "analyze"])
def test_what_a_reader_may_not_a_writer_may(library: FileBench, statement: str) -> None:
    before = contents(library)

    assert library.ask(statement)["success"] is True

    assert contents(library) != before


@pytest.mark.usefixtures("no_guard")
def test_the_authorizer_alone_refuses_a_write(shop: FileBench) -> None:
    with closing(sqlite3.connect(shop.path)) as connection:
        connection.set_authorizer(Authorizer(read_only=True))

        for statement in ("delete from t", "create table u (n)", "pragma user_version = 7"):
            with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
                connection.execute(statement)


def test_a_refusal_says_that_the_connection_is_read_only(shop: FileBench) -> None:
    answer = shop.ask("delete from t", "reader")

    assert fault(answer)["code"] == "read_only"


def test_transaction_control_is_refused_with_a_pointer(shop: FileBench) -> None:
    answer = shop.ask("begin")

    assert fault(answer)["code"] == "statement_refused"
    assert "one statement" in str(answer["error"])
