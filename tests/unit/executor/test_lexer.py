from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor import lexer
from executor.dialects import POSTGRESQL
from executor.lexer import TOKENS_MAX, Kind, first_words, tokens
from executor.parameters import bind
from executor.statements import read_statement
from tests.unit.executor import fine_lexer
from tests.unit.executor.statement_bench import a_payload
from wire.faults import FaultCode, RefusedError
from wire.names import STATEMENT_MAX_BYTES

PIECES = (
    *[":n", ":größe", "$1", "$$", "$a$", "$", "'", "''", "'x'", "E'", "e'\\''", "u&'", '"', "\\"],
    *["[", "]", "(", ")", "ARRAY", "array", "a", "a$b", "commit", "é", "1", "1.5", ".5", "."],
    *["::", ":=", ":", "/*", "*/", "/", "*", "--", "-", ";", ",", " ", "\n", "\r", "\t", "\x1c"],
)
COARSE = {
    fine_lexer.Kind.WORD: Kind.WORD,
    fine_lexer.Kind.QUOTED_NAME: Kind.OPERAND,
    fine_lexer.Kind.STRING: Kind.OPERAND,
    fine_lexer.Kind.NUMBER: Kind.OPERAND,
    fine_lexer.Kind.PARAMETER: Kind.PARAMETER,
    fine_lexer.Kind.POSITIONAL: Kind.POSITIONAL,
}
a_statement = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


def kind_of(statement: str, token: fine_lexer.Token) -> Kind:
    symbol = statement[token.start]
    brackets = {"(": Kind.OPENING, "[": Kind.OPENING, ")": Kind.CLOSING, "]": Kind.CLOSING}
    return COARSE.get(token.kind) or brackets.get(symbol, Kind.OTHER)


@given(a_statement)
def test_each_token_is_where_the_servers_scanner_has_it(statement: str) -> None:
    fine = {token.end: kind_of(statement, token) for token in fine_lexer.tokens(statement)}

    for token in tokens(statement):
        assert fine[token.end] is token.kind


@given(a_statement)
def test_no_parameter_and_no_bracket_that_decides_is_missed(statement: str) -> None:
    matters = {Kind.PARAMETER, Kind.POSITIONAL}
    if "[" in statement:
        matters |= {Kind.OPENING, Kind.CLOSING}

    coarse = [
        place
        for token in tokens(statement)
        if token.kind in matters
        for place in (
            range(token.start, token.end)
            if token.kind in (Kind.OPENING, Kind.CLOSING)
            else [token.start]
        )
    ]

    assert coarse == [
        token.start
        for token in fine_lexer.tokens(statement)
        if kind_of(statement, token) in matters
    ]


@given(a_statement)
def test_what_stands_before_a_parameter_is_the_token_that_the_scanner_has_there(
    statement: str,
) -> None:
    fine = list(fine_lexer.tokens(statement))
    before = {b.start: kind_of(statement, a) for a, b in pairwise(fine)}

    coarse = list(tokens(statement))

    for previous, token in pairwise(coarse):
        if token.kind is Kind.PARAMETER:
            assert before[token.start] is previous.kind


@given(a_statement)
def test_the_first_words_are_those_of_the_scanner(statement: str) -> None:
    solid = [t for t in fine_lexer.tokens(statement) if statement[t.start : t.end] != ";"]
    words: list[str] = []
    for token in solid[:3]:
        if token.kind is not fine_lexer.Kind.WORD:
            break
        words.append(statement[token.start : token.end].upper())

    assert first_words(statement, 3) == (tuple(words) if solid else None)


@pytest.mark.parametrize(
    "unit",
    [
        *[
            "(",
            "()",
            "([",
            "a,",
            ":a",
            ":a,",
            "x[:a]",
            "$1",
            "$$",
            "$a$ $b$",
            "''",
            "/*/**/*/",
            "/*",
        ],
        *["-", "--\n", "E'\\", "'a'\n", "(a", "1 ", ".", "::", "é", "[", "/ ", '"a"', ";"],
    ],
)
@pytest.mark.parametrize("start", [":a ", "copy :a[ "])
def test_a_statement_as_long_as_may_be_is_few_tokens_or_refused(start: str, unit: str) -> None:
    statement = (start + unit * (STATEMENT_MAX_BYTES // len(unit)))[: STATEMENT_MAX_BYTES // 2]

    refused: list[FaultCode] = []
    count = 0
    try:
        for _ in tokens(statement):
            count += 1
    except RefusedError as error:
        refused.append(error.fault.code)

    assert count <= TOKENS_MAX
    assert refused in ([], [FaultCode.STATEMENT_REFUSED])


@pytest.mark.parametrize("unit", ["(", "a,", "'a',", "-", "(a,'x')"])
def test_a_long_list_without_parameters_and_subscripts_is_a_handful_of_tokens(unit: str) -> None:
    statement = "select :a " + unit * (STATEMENT_MAX_BYTES // len(unit) // 2)

    assert sum(1 for _ in tokens(statement)) <= 4


def test_a_statement_without_a_colon_and_a_name_is_not_read_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lexer, "TOKENS_MAX", 0)

    assert bind("insert into t values (array[1], '12:30')", POSTGRESQL).names == ()


def test_more_comments_than_anybody_writes_are_refused() -> None:
    payload = a_payload("/*/**/*/" * (STATEMENT_MAX_BYTES // 8))

    with pytest.raises(RefusedError, match="more than 50000 comments"):
        read_statement(payload, dialect=POSTGRESQL, read_only=True)
