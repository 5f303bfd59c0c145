"""The guard on MySQL and MariaDB by itself: nothing is sent anywhere."""

import pytest

from executor import guard
from executor.dialects import MYSQL
from executor.guard_words import MARKS_MAX
from tests.unit.executor import mysql_attacks as attacks
from tests.unit.executor import mysql_reads as reads
from tests.unit.executor.mysql_others import OTHERS
from wire.faults import Fault, FaultCode, RefusedError
from wire.names import STATEMENT_MAX_BYTES

ATTACKS = (
    *attacks.WRITES,
    *attacks.WRITES_ON_MARIADB,
    *attacks.WRITES_ON_MYSQL,
    *attacks.HELD,
    *attacks.LOOSE,
    *attacks.LOOSE_ON_MARIADB,
    *attacks.LOOSE_ON_MYSQL,
    *OTHERS,
)
WRITES = (*attacks.WRITES, *attacks.WRITES_ON_MARIADB, *attacks.WRITES_ON_MYSQL)
HONEST = (*reads.HONEST, *reads.HONEST_ON_MARIADB, *reads.HONEST_ON_MYSQL)
# Their words decide, wherever they stand.
WITHIN = tuple(
    attack
    for attack in (*attacks.HELD, *attacks.LOOSE)
    if attack.startswith(("select", "with", "(")) and "--" not in attack and "#" not in attack
)

both_accesses = pytest.mark.parametrize("read_only", [True, False])


def refusal(statement: str, *, read_only: bool = True) -> Fault | None:
    try:
        return guard.refuse(statement, dialect=MYSQL, read_only=read_only)
    except RefusedError as error:
        return error.fault


def code_of(statement: str, *, read_only: bool = True) -> FaultCode | None:
    fault = refusal(statement, read_only=read_only)
    return None if fault is None else fault.code


@pytest.mark.parametrize("statement", ATTACKS)
def test_what_does_more_than_read_is_refused_on_a_read_only_lease(statement: str) -> None:
    assert code_of(statement) in (FaultCode.READ_ONLY, FaultCode.STATEMENT_REFUSED)


@pytest.mark.parametrize("statement", HONEST)
def test_what_reads_is_let_through_on_any_lease(statement: str) -> None:
    assert refusal(statement) is None
    assert refusal(statement, read_only=False) is None


@pytest.mark.parametrize("statement", [one for one in WRITES if not one.startswith("begin")])
def test_what_writes_is_let_through_on_a_read_write_lease(statement: str) -> None:
    assert refusal(statement, read_only=False) is None
    assert code_of(statement) is FaultCode.READ_ONLY


@pytest.mark.parametrize(
    "disguise",
    [
        *["({0})", " ; {0};", "-- a\n{0}", "#a\n{0}", "/* ' */{0}", "explain {0}", "analyze {0}"],
        *["explain format=json {0}", "select * from ({0}) x", "with x as ({0}) select 1"],
        *["select '\\'' from ({0}) x", 'select "\'" from ({0}) x', "select `'` from ({0}) x"],
        *[
            "select 'a\\\\' from ({0}) x",
            "select 1--1 from ({0}) x",
            "select 1 /*/ */ from ({0}) x",
        ],
        *[
            "select @a from ({0}) x",
            "select x'27', n'a\\'' from ({0}) x",
            "select 'é' from ({0}) x",
        ],
    ],
)
def test_no_attack_gets_through_within_or_behind_something_else(disguise: str) -> None:
    for attack in WITHIN:
        for spelling in (attack, attack.upper(), attack.title()):
            assert refusal(disguise.format(spelling)) is not None, spelling


@pytest.mark.parametrize(
    "space", ["/**/", "\n", "\t\r\f\v", "-- \n", "#'\n", "/* ' */", "--\x01\n"]
)
def test_no_kind_of_space_gets_an_attack_through(space: str) -> None:
    for attack in ATTACKS:
        if not set("'\"`-#/\\") & set(attack):
            assert refusal(attack.replace(" ", space)) is not None, attack


@both_accesses
@pytest.mark.parametrize(
    ("statement", "word"),
    [
        *[(one, "into one statement") for one in ("begin", "COMMIT", "rollback", "savepoint a")],
        *[(one, "into one statement") for one in ("start transaction", "release savepoint a")],
        *[
            (one, "into one statement")
            for one in ("xa start 'a'", "begin not atomic select 1; end")
        ],
        *[(one, "into one statement") for one in ("set autocommit=0", "set @@autocommit = 1")],
        *[(one, "into one statement") for one in ("set @a=1, session autocommit=1",)],
        *[(one, "into one statement") for one in ("set session transaction read write",)],
        *[(one, "into one statement") for one in ("set `completion_type` = 2",)],
        *[(one, "reset after each") for one in ("lock tables t read", "unlock tables")],
        *[(one, "reset after each") for one in ("flush tables t with read lock", "backup lock t")],
        *[(one, "reset after each") for one in ("flush local tables t for export",)],
        *[(one, "operator") for one in ("create user u", "ALTER/**/USER u", "drop user u")],
        *[(one, "operator") for one in ("rename user a to b", "create or replace role r")],
        *[
            (one, "operator")
            for one in (
                "grant all on t to u",
                "revoke all on t from u",
                "install plugin x soname 'y'",
                "show grants",
                "show create user u",
            )
        ],
        *[(one, "operator") for one in ("set password = 'x'", "set default role r")],
        *[(one, "operator") for one in ("set @a = 1, password for u = 'x'", "start slave")],
        *[(one, "operator") for one in ("change master to master_user = 'x'", "create server s")],
        *[(one, "operator") for one in ("select * from mysql.user", "table `mysql`/**/.`USER`")],
        *[
            (one, "operator")
            for one in ("insert into mysql.db values (1)", "drop table mysql . db")
        ],
        *[(one, "operator") for one in ("load data local infile 'x' into table t",)],
        *[
            (one, "operator")
            for one in ("select 1 into outfile 'x'", "select 1 into/**/dumpfile 'x'")
        ],
        *[(one, "operator") for one in ("insert into t values (load_file('x'))",)],
        *[(one, "one statement") for one in ("insert into t values (1); delete from t", "a;b")],
        ("set statement autocommit = 1 for select 1", "statement"),
        ("delimiter //", "mysql program"),
        ("/*!50001 create user u */", "comment"),
        ("insert into t /*M! values */ (1)", "comment"),
        ("select /*+ '*/ 1", "hint"),
        (" ;; -- nothing\n# at all", "empty"),
    ],
)
def test_what_no_lease_runs_is_refused_with_a_reason(
    statement: str,
    word: str,
    read_only: bool,  # noqa: FBT001 - pytest passes it by name
) -> None:
    fault = refusal(statement, read_only=read_only)

    assert fault is not None
    assert fault.code is FaultCode.STATEMENT_REFUSED
    assert word in str(fault.message)


@pytest.mark.parametrize(
    "statement",
    [
        "prepare p from 'delete from t'",
        "execute immediate 'select 1'",
        "use other",
        "set names latin1",
        "set @a = password('x')",
        "set @a = 'autocommit', @b = @transaction",
        "call adds()",
        "create procedure p() begin select 1; select 2; end",
        "create definer = `a`@`%` trigger g before insert on t for each row begin set @a = 1; end",
        "create or replace function f() returns int begin return 1; end",
        "alter event e do begin delete from t; end",
        "insert into t values ('; delete from t -- /*! x */')",
        "insert into notes values ('mysql.user')",
        "insert into t select load_file from x",
        "flush privileges",
        "select * from mysql.help_topic",
        "create table user (password text)",
        "start_something",
    ],
)
def test_anything_else_is_left_to_the_server(statement: str) -> None:
    assert refusal(statement, read_only=False) is None


@pytest.mark.parametrize(
    ("statement", "sentence", "position"),
    [
        ("insert into t values (1)", "This connection is read-only: INSERT does not run; only", 1),
        ("select é, 1 into @a", "INTO writes to a table, a file or a variable", 13),
        ("select `get_lock`('a', 0)", "get_lock takes or gives up locks", 8),
        ("select * from t for update", "FOR UPDATE and FOR SHARE lock rows", 21),
        ("select @a := 1", "it sets a variable", 11),
        ("select 1.into @a", "a number runs into a word", 8),
        ("select 1; select 2", "Each call takes one statement", 9),
        ("select 'a' /*! x */", "comment", 12),
        ("frobnicate", "This connection is read-only: only SELECT, VALUES", 1),
    ],
)
def test_a_refusal_says_what_was_found_and_where(
    statement: str, sentence: str, position: int
) -> None:
    fault = refusal(statement)

    assert fault is not None
    assert sentence in str(fault.message)
    assert fault.position == position


@pytest.mark.parametrize("unit", ["secret_word ", "`secret_word` ", "'secret_word' "])
@pytest.mark.parametrize(
    "start", ["", "select into ", "select 1;", "show ", "set password ", "/*! "]
)
def test_a_refusal_repeats_nothing_of_the_statement(start: str, unit: str) -> None:
    fault = refusal(start + unit)

    assert fault is None or "secret_word" not in str(fault.message)


@both_accesses
def test_a_long_statement_with_a_suspicious_word_is_refused_unread(read_only: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    statement = "select 'outfile', " + "a," * (STATEMENT_MAX_BYTES // 2 - 20) + "1"

    assert f"more than {MARKS_MAX} words" in str(refusal(statement, read_only=read_only))


@pytest.mark.parametrize("unit", ["a,", "1,", "'a',", "'ключ',", "(a)+", "/**/", "-- \n", "'é(',"])
def test_a_long_statement_without_one_is_let_through(unit: str) -> None:
    statement = "select " + unit * (STATEMENT_MAX_BYTES // len(unit.encode()) - 9) + "1"

    assert refusal(statement) is None
