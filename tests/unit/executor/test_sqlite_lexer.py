import sqlite3
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.dialects import SQLITE
from executor.lexer import TOKENS_MAX, Kind
from executor.parameters import bind
from executor.sqlite_lexer import first_words, tokens
from tests.unit.executor import fine_sqlite_lexer
from tests.unit.executor.fine_sqlite_lexer import STARTS
from wire.faults import FaultCode, RefusedError

PIECES = (
    *[":n", ":größe", ":1", "?", "?1", "@n", "$n", "#", ":", "::", "'", "''", "'x'", '"', "`"],
    *["[", "]", "(", ")", "a", "a$b", "commit", "é", "1", "1.5", ".5", ".", "e'", "\\", "\ufeff"],
    *["/*", "*/", "/", "*", "--", "-", ";", ",", " ", "\n", "\r", "\t", "\v", "->", "$$"],
)
a_statement = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


def kind_of(text: str) -> Kind:
    is_named = len(text) > 1 and text[0] == ":" and (text[1] in "_\ufeff" or text[1].isalpha())
    return Kind.PARAMETER if is_named else Kind.POSITIONAL


@given(a_statement)
def test_a_parameter_is_where_the_engines_scanner_has_one_and_nowhere_else(statement: str) -> None:
    fine = [
        token for token in fine_sqlite_lexer.tokens(statement) if statement[token.start] in STARTS
    ]

    found = [token for token in tokens(statement) if statement[token.start] in STARTS]

    for token in found:
        assert token.kind is kind_of(statement[token.start : token.end])
    assert {token.start for token in fine} <= {token.start for token in found}
    # A `$` goes on with a name of the engine's, and begins a parameter after one of ours.
    assert {token.start for token in found} - {token.start for token in fine} <= {
        token.end for token in found if token.kind is Kind.PARAMETER
    }


@given(a_statement)
def test_the_first_words_are_those_of_the_scanner(statement: str) -> None:
    solid = [t for t in fine_sqlite_lexer.tokens(statement) if statement[t.start : t.end] != ";"]
    words = [statement[t.start : t.end].upper() for t in takewhile(lambda t: t.is_word, solid)]

    assert first_words(statement, 50) == (tuple(words) if solid else None)


@pytest.mark.parametrize("literal", ["':n'", "'it''s :n'", "'a\\' || '\\:n'", "'$$ ?1 @n #n'"])
def test_a_colon_in_a_literal_is_left_alone(literal: str) -> None:
    bound = bind(f"select {literal}", SQLITE)

    assert (bound.sql, bound.names) == (f"select {literal}", ())


@pytest.mark.parametrize(
    "statement",
    [
        "select :n",
        "select ':n' is not null, :n",
        "select 'a\\', :n",
        'select 1 as ":n", 2 as `:n`, 3 as [:n], :n',
        'select 1 as "a"":n", :n',
        "select 1 as [a\"'`], :n",
        "select 1 -- :m\r :m\n, :n",
        "select 1 /* :m /* */, :n",
        "select 1 /*/ :m */, :n",
        "select '$$' || '$$', :n",
        "select '{\"a\": [1]}' -> '$.a', :n",
        "select -:n, :n",
        "select abs(:n)+ :n,:n",
        "select \ufeff :n",
    ],
)
def test_the_engine_gets_the_value_where_the_client_wrote_the_name(statement: str) -> None:
    bound = bind(statement, SQLITE)

    assert bound.names == ("n",)
    with sqlite3.connect(":memory:") as connection:
        (row,) = connection.execute(bound.sql, (4711,)).fetchall()
    connection.close()
    assert row[-1] == 4711


@pytest.mark.parametrize("own", ["?", "?1", "@n", "$n", ":1", "#1", ":a$b"])
def test_the_engines_own_parameters_are_refused(own: str) -> None:
    with pytest.raises(RefusedError, match="Write every parameter as :name") as caught:
        bind(f"select {own}", SQLITE)

    assert caught.value.fault.code is FaultCode.INVALID_ARGUMENTS


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("select 1", ("SELECT",)),
        (" ; /* /* */ -- x\n\ufeffattach 'x' as y", ("ATTACH",)),
        ("pragma query_only", ("PRAGMA", "QUERY_ONLY")),
        ("pragma/**/main.x", ("PRAGMA", "MAIN")),
        ("(select 1)", ()),
        (" ; -- nothing", None),
    ],
)
def test_the_first_words_are_found_behind_what_does_not_matter(
    statement: str, words: tuple[str, ...] | None
) -> None:
    assert first_words(statement, 2) == words


def test_too_many_parameters_are_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        list(tokens("?," * (TOKENS_MAX + 1)))

    assert caught.value.fault.code is FaultCode.STATEMENT_REFUSED
