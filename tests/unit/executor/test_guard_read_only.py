"""The guard of a read-only lease by itself: nothing is sent anywhere."""

import pytest

from executor import guard
from executor.dialects import POSTGRESQL
from executor.guard_words import MARKS_MAX
from tests.unit.executor.honest_reads import HONEST, WITH_LIBXML
from tests.unit.executor.read_only_attacks import OTHERS, UNDONE, WRITES
from wire.faults import Fault, FaultCode
from wire.names import STATEMENT_MAX_BYTES

ATTACKS = (*WRITES, *UNDONE, *OTHERS)
# What PostgreSQL's grammar has within a query; the others are a syntax error there.
WITHIN = tuple(
    attack
    for attack in ATTACKS
    if attack.startswith(("select", "with", "values", "(", "insert", "update", "delete", "merge"))
)


def refusal(statement: str) -> Fault | None:
    return guard.refuse(statement, dialect=POSTGRESQL, read_only=True)


def is_held(statement: str) -> bool:
    fault = refusal(statement)
    return fault is not None and fault.code is FaultCode.READ_ONLY


@pytest.mark.parametrize("statement", ATTACKS)
def test_what_does_more_than_read_is_refused_on_a_read_only_lease(statement: str) -> None:
    assert is_held(statement)


@pytest.mark.parametrize("statement", [*HONEST, *WITH_LIBXML])
def test_what_reads_is_let_through(statement: str) -> None:
    assert refusal(statement) is None


def spellings(attack: str) -> set[str]:
    # A name in quotes is another name in capitals.
    return {attack} if '"' in attack else {attack, attack.upper(), attack.title()}


@pytest.mark.parametrize(
    "disguise",
    [
        ";;{0};",
        "/* select */{0}",
        "/* /* select */ 1 */\t{0}\n--",
        "explain {0}",
        "explain analyze {0}",
        "explain (analyze, format json) {0}",
        "explain (analyze) ({0})",
    ],
)
def test_no_attack_gets_through_behind_something_else(disguise: str) -> None:
    for attack in ATTACKS:
        for spelling in spellings(attack):
            assert is_held(disguise.format(spelling)), spelling


@pytest.mark.parametrize(
    "disguise",
    [
        "(({0}))",
        "with w as ({0}) select * from w",
        "with w as materialized(/**/{0}) table w",
        "with w as (with v as ({0}) table v) select 1",
        "with w as (select 1), v as ({0}) values (1)",
        "select * from ({0}) q",
        "select (\f{0})",
        "select 'a' union {0}",
        "select $$ $$, $a$ ' $a$, E'\\'', U&'\\0027', \"'\" from ({0}) q",
        "select '\\' from ({0}) q",
        "select 1 where exists ({0}) --'",
    ],
)
def test_no_attack_gets_through_within_something_else(disguise: str) -> None:
    for attack in WITHIN:
        for spelling in spellings(attack):
            assert is_held(disguise.format(spelling)), spelling


@pytest.mark.parametrize("space", ["/**/", "\n", "\t\r\f", "--\n", "/*/**/*/", " /* ' */ "])
def test_no_kind_of_space_gets_an_attack_through(space: str) -> None:
    for attack in ATTACKS:
        if not set("'$-") & set(attack):
            assert is_held(attack.replace(" ", space)), attack


@pytest.mark.parametrize(
    ("statement", "sentence", "position"),
    [
        ("insert into t values (1)", "This connection is read-only: INSERT does not run; ", 1),
        ("with a as (insert into t values (1)) table a", "INSERT changes data", 19),
        ("with a as (select 1) delete from t", "DELETE changes data", 22),
        ("select é, 1 into t", "INTO makes a table", 13),
        ("select pg_catalog.nextval('s')", "nextval changes the database", 19),
        ("select * from t for update", "FOR UPDATE and FOR SHARE lock rows", 21),
        ("select 1; select 2", "one statement per call", 9),
        ("frobnicate", "This connection is read-only: only SELECT, VALUES", 1),
    ],
)
def test_a_refusal_says_what_was_found_and_where(
    statement: str, sentence: str, position: int
) -> None:
    fault = refusal(statement)

    assert fault is not None
    assert fault.message is not None
    assert sentence in fault.message
    assert fault.position == position


@pytest.mark.parametrize("unit", ["secret_word ", '"secret_word" ', "'secret_word' "])
@pytest.mark.parametrize("start", ["", "select update ", "select 1;", "select 1 into "])
def test_a_refusal_repeats_nothing_of_the_statement(start: str, unit: str) -> None:
    fault = refusal(start + unit)

    assert fault is None or "secret_word" not in str(fault.message)


@pytest.mark.parametrize("unit", ["a,", "update a ", "(", "for update ", "1,", ":a ", "$1 "])
def test_a_long_statement_with_a_suspicious_word_is_refused_unread(unit: str) -> None:
    statement = "select update, " + unit * (STATEMENT_MAX_BYTES // len(unit) - 9)

    fault = refusal(statement)

    assert f"more than {MARKS_MAX} words" in str(fault and fault.message)


@pytest.mark.parametrize("unit", ["a,", "1,", "'a',", "(a)+", "'into delete',", "/**/", "--\n"])
def test_a_long_statement_without_one_is_let_through(unit: str) -> None:
    statement = "select " + unit * (STATEMENT_MAX_BYTES // len(unit) - 9) + "1"

    assert ("into" in unit) is (refusal(statement) is not None)
