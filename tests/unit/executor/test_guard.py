import pytest

from executor import guard
from executor.dialects import POSTGRESQL
from wire.faults import FaultCode


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("begin", "transaction"),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "transaction"),
        ("start transaction read only", "transaction"),
        ("commit", "transaction"),
        ("end", "transaction"),
        ("rollback to savepoint a", "transaction"),
        ("abort", "transaction"),
        ("savepoint a", "transaction"),
        ("release a", "transaction"),
        ("prepare transaction 'x'", "transaction"),
        ("set transaction read write", "transaction"),
        ("set session characteristics as transaction read write", "transaction"),
        (" ; /* a /* b */ */ -- c\n CoMmIt;", "transaction"),
        ("listen x", "notifications"),
        ("copy t from stdin", "COPY"),
        ("copy (select 1) to STDOUT with csv", "COPY"),
        ("copy t from '/etc/passwd'", "operator"),
        ("copy t to program 'id'", "operator"),
        ("alter role current_user password 'known'", "operator"),
        ("ALTER/**/USER me PASSWORD 'known'", "operator"),
        ("alter group g add user me", "operator"),
        ("create role r login", "operator"),
        ("create user u", "operator"),
        ("create group g", "operator"),
        ("drop role r", "operator"),
        ("create user mapping for me server s options (password 'x')", "operator"),
        ("create server s foreign data wrapper w", "operator"),
        ("create subscription s connection 'password=x' publication p", "operator"),
        ("alter subscription s enable", "operator"),
        ("security label on table t is 'x'", "operator"),
        ("", "empty"),
        (" ;; -- nothing\n/* at all */", "empty"),
    ],
)
@pytest.mark.parametrize("read_only", [True, False])
def test_what_cannot_be_one_statement_of_its_own_is_refused_with_a_reason(
    statement: str,
    word: str,
    read_only: bool,  # noqa: FBT001 - pytest passes it by name
) -> None:
    fault = guard.refuse(statement, dialect=POSTGRESQL, read_only=read_only)

    assert fault is not None
    assert fault.code is FaultCode.STATEMENT_REFUSED
    assert word in str(fault.message)


@pytest.mark.parametrize(
    "statement",
    [
        "select 1",
        "(select 1) union select 2",
        "with a as (select 1) select * from a",
        'select "commit"',
        "select 'begin'",
        "prepare x as select 1",
        "set search_path = a",
        "set session authorization default",
        "start_something",
        "notify x",
        "create table role ()",
        "alter table t add column password text",
        "grant reader to writer",
        "copying",
        "'commit'",
        "values (1)",
    ],
)
def test_anything_else_is_left_to_the_server(statement: str) -> None:
    assert guard.refuse(statement, dialect=POSTGRESQL, read_only=False) is None
