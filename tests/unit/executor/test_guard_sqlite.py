"""The guard on SQLite, with the engine itself as the judge of what the lists say."""

import sqlite3
from collections.abc import Iterator

import pytest

from executor import guard
from executor.dialects import SQLITE
from executor.guard_words import MARKS_MAX
from wire.faults import Fault, FaultCode
from wire.names import STATEMENT_MAX_BYTES

WRITES = [
    "insert into t values (1)",
    "insert or replace into t values (1)",
    "replace into t values (1)",
    "update t set n = 2",
    "update or ignore t set n = 2 returning n",
    "delete from t",
    "with a as (select 1) delete from t",
    "with a as (select 1) insert into t select * from a",
    "with a as (select 1) update t set n = 3",
    "with a as (select 1) replace into t select * from a",
    "with recursive a(i) as (values (1) union all select 2 from a where i < 2)/**/delete from t",
    "with a as (select '/*')delete from t where n <> '*/'",
    "with a as (select 1) /* /* */ delete from t -- */",
    'with a as (select "--\n" from t), [b] as (select `--\n` from t) delete from t',
    "\ufeffdelete from t",
    "with a as (select 1)\ufeffdelete from t",
    "create table fresh (n)",
    "create temp table fresh as select 1",
    "drop table t",
    "alter table t add column m",
    "create index i on t (n)",
    "create view w as select 1",
    "reindex",
    "analyze",
]
OTHERS = [
    "explain delete from t",
    "explain query plan insert into t values (1)",
    "select 1; delete from t",
    "select * from pragma_optimize(-1)",
    'select * from "pragma_optimize"',
    "frobnicate",
    "(select 1)",
]
OPERATORS = [
    "attach 'x' as y",
    "attach database ':memory:' as y",
    "/* a */ ATTACH 'x' AS y",
    "detach y",
    "vacuum",
    "vacuum into 'x'",
    'vacuum "main" into :path',
    "explain attach 'x' as y",
    "explain query plan vacuum",
    "select load_extension('x')",
    "select LOAD_EXTENSION ('x', 'y')",
    "select \"load_extension\"('x')",
    "select [load_extension]('x')",
    "select `Load_Extension`('x')",
    "insert into t values (load_extension('x'))",
    "select fts3_tokenizer('x', x'00')",
    "select writefile('x', 'y')",
    "select * from pragma_database_list",
    "select * from 'pragma_database_list'",
    "select file from [PRAGMA_database_list]",
]
HONEST = [
    "select 1",
    "SELECT * FROM t;",
    "values (1), (2)",
    "with recursive a(i) as (values (1) union all select i + 1 from a where i < 3) select * from a",
    "explain select 1",
    "explain query plan select * from t where n = 1",
    "select replace('a', 'a', 'b'), 'insert into t', \"update\", [delete], `into` from v",
    "select 1 /* delete from t */ -- update t\n",
    "select count(*) filter (where n > 1), row_number() over (order by n) from t group by n",
    "select json_extract('{\"a\": 1}', '$.a'), '[1]' -> 0",
    "select deleted_at, inserted from v",
    "select ':into', 1 as load, ';'",
    "select name from sqlite_schema where type = 'table'",
    "select name from pragma_table_info('t')",
    "select n from t where n in (select 1 union select 2) limit 1 offset 0",
    "select date('now', '-1 day'), printf('%d', 1), random() is not null",
    "pragma table_info(t)",
    "PRAGMA main.table_info('t')",
    "pragma index_list = t",
    "pragma user_version",
    "pragma encoding;",
    "pragma function_list",
    "explain pragma page_count",
    "; pragma journal_mode -- is it a log?",
]
PRAGMAS = [
    "pragma journal_mode = off",
    "pragma main.journal_mode(delete)",
    'pragma "writable_schema" = on',
    "pragma query_only = off",
    "explain pragma query_only = off",
    "explain query plan pragma query_only(0)",
    "/**/pragma/**/database_list",
    "pragma [main].[database_list]",
    "pragma temp_store_directory = '/x'",
    "pragma schema_version = 7",
    "pragma table_info(t); delete from t",
    "pragma wal_checkpoint(truncate)",
    "pragma trusted_schema = on",
    "pragma",
    ";;;;;;;;;;;;;;;;pragma optimize",
]


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("create table t (n)")
    connection.execute("insert into t values (1)")
    connection.execute(
        'create table v ("update", "delete", "into", deleted_at, inserted)',
    )
    yield connection
    connection.close()


def refusal(statement: str, *, read_only: bool = True) -> Fault | None:
    return guard.refuse(statement, dialect=SQLITE, read_only=read_only)


def code_of(statement: str, *, read_only: bool = True) -> FaultCode | None:
    fault = refusal(statement, read_only=read_only)
    return None if fault is None else fault.code


def state(database: sqlite3.Connection) -> object:
    return [database.serialize(), database.execute("select * from temp.sqlite_schema").fetchall()]


@pytest.mark.parametrize("statement", WRITES)
def test_what_writes_is_refused_on_a_read_only_lease_and_runs_on_a_read_write_one(
    database: sqlite3.Connection, statement: str
) -> None:
    before = state(database)

    database.execute(statement).fetchall()

    assert state(database) != before or statement in ("reindex", "analyze")
    assert code_of(statement) is FaultCode.READ_ONLY
    assert code_of(statement, read_only=False) is None


@pytest.mark.parametrize("statement", OTHERS)
def test_what_is_no_query_is_refused_on_a_read_only_lease(statement: str) -> None:
    assert code_of(statement) is FaultCode.READ_ONLY


@pytest.mark.parametrize("statement", HONEST)
def test_what_reads_is_let_through_and_runs(database: sqlite3.Connection, statement: str) -> None:
    before = state(database)

    database.execute(statement).fetchall()

    assert refusal(statement) is None
    assert state(database) == before


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("statement", OPERATORS)
def test_files_and_code_are_the_operators_on_every_lease(statement: str, read_only: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    assert code_of(statement, read_only=read_only) is FaultCode.STATEMENT_REFUSED


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("statement", PRAGMAS)
def test_a_pragma_that_does_more_than_read_is_refused_on_every_lease(
    statement: str,
    read_only: bool,  # noqa: FBT001 - pytest passes it by name
) -> None:
    assert code_of(statement, read_only=read_only) is FaultCode.STATEMENT_REFUSED


@pytest.mark.parametrize("statement", ["pragma user_version = 7", "pragma application_id(-7)"])
def test_a_read_write_lease_may_set_the_numbers_that_are_an_applications_own(
    statement: str,
) -> None:
    assert code_of(statement) is FaultCode.STATEMENT_REFUSED
    assert code_of(statement, read_only=False) is None


@pytest.mark.parametrize(
    "statement",
    ["begin immediate", "commit", "end transaction", "rollback to a", "savepoint a", "release a"],
)
def test_transaction_control_is_refused_with_a_way_out(statement: str) -> None:
    for read_only in (True, False):
        fault = refusal(statement, read_only=read_only)

        assert fault is not None
        assert fault.code is FaultCode.STATEMENT_REFUSED
        assert "into one statement" in str(fault.message)


def test_a_long_statement_with_a_suspicious_word_is_refused_unread() -> None:
    statement = "select 'into', " + "a," * (STATEMENT_MAX_BYTES // 2 - 20) + "load_extension('x')"

    assert f"more than {MARKS_MAX} words" in str(refusal(statement))
    assert code_of(statement, read_only=False) is FaultCode.STATEMENT_REFUSED


def test_nothing_at_all_is_refused() -> None:
    assert code_of(" ;; -- nothing\n/* at all", read_only=False) is FaultCode.STATEMENT_REFUSED
