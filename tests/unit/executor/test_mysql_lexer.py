from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.dialects import MYSQL
from executor.guard_words import Sort
from executor.lexer import TOKENS_MAX, Kind
from executor.mysql_lexer import first_words, start_of_second, tokens
from executor.mysql_marks import marks, spelled
from executor.parameters import bind
from tests.harness.mysql_family import MysqlFamilyServer
from tests.unit.executor import fine_mysql_lexer as fine
from wire.faults import FaultCode, RefusedError

PIECES = (
    *[
        ":n",
        ":größe",
        ":1",
        ":",
        "::",
        ":=",
        "?",
        "@n",
        "@",
        "@@",
        "'",
        "''",
        "'x'",
        '"',
        '""',
        "`",
    ],
    *["``", "\\", "\\'", "\\N", "a", "into", "a$b", "$", "é", "1", "1.5", ".5", "1e5", "1.", "."],
    *["e'", "n'x'", "/*", "*/", "/*!", "/*M!", "/*+", "/", "*", "--", "-- ", "--\x01", "-", "#"],
    *[";", ",", "(", ")", " ", "\n", "\r", "\t", "\v", "\x1c", "->", "\ufeff"],
)
a_statement = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
UNREAD = (fine.Kind.SPACE, fine.Kind.COMMENT)


def kinds_of(statement: str) -> dict[int, fine.Kind]:
    return {token.start: token.kind for token in fine.tokens(statement)}


@given(a_statement)
def test_parameters_and_semicolons_are_where_the_servers_scanner_has_them(statement: str) -> None:
    expected = list(takewhile(lambda t: t.kind is not fine.Kind.EXECUTABLE, fine.tokens(statement)))
    found: list[tuple[int, int]] = []
    refused = False

    try:
        for token in tokens(statement):
            step = 1 if token.kind is Kind.OTHER else token.end - token.start
            found += [(at, at + step) for at in range(token.start, token.end, step)]
    except RefusedError:
        refused = True

    assert refused is (fine.Kind.EXECUTABLE in kinds_of(statement).values())
    assert found == [
        (token.start, token.end)
        for token in expected
        if token.kind is fine.Kind.PARAMETER or statement[token.start] == ";"
    ]


@given(a_statement)
def test_marks_leave_no_gap_but_spaces_and_comments(statement: str) -> None:
    expected = list(takewhile(lambda t: t.kind is not fine.Kind.EXECUTABLE, fine.tokens(statement)))
    end = expected[-1].end if expected else 0
    starts = {mark.start for mark in marks(statement)}

    # A variable, a number or `\N` is one mark, and more than one token of the simple scanner.
    covered = starts | {
        at
        for mark in marks(statement)
        if mark.sort in (Sort.PARAMETER, Sort.NUMBER, Sort.GLUED_NUMBER)
        for at in range(mark.start, mark.start + len(mark.text))
    }
    solid = {t.start for t in expected if t.kind not in UNREAD}
    double = {t.start for t in expected if statement[t.start - 1 : t.end] in (":=", "@@")}

    assert solid - double <= covered
    assert {start for start in starts if start < end} <= {
        at for t in expected if t.kind not in UNREAD for at in range(t.start, t.end)
    }


@given(a_statement)
def test_the_quick_list_misses_no_word_and_no_name(statement: str) -> None:
    exact = {mark.text for mark in marks(statement) if mark.sort in (Sort.WORD, Sort.NAME)}

    assert {text for text in exact if text in ("into", "a", "é")} <= set(spelled(statement))


@given(a_statement)
def test_the_first_words_are_those_of_the_scanner(statement: str) -> None:
    solid = [
        token
        for token in fine.tokens(statement)
        if token.kind not in UNREAD and statement[token.start] != ";"
    ]
    words = [
        statement[token.start : token.end].upper()
        for token in takewhile(lambda token: token.kind is fine.Kind.WORD, solid)
    ]

    assert first_words(statement, 50) == (tuple(words) if solid else None)


@pytest.mark.parametrize(
    "statement",
    [
        *["select ':n'", 'select ":n"', "select `:n` from t", "select 'it''s :n'"],
        *["select 'a\\':n'", 'select "a\\":n"', "select 'a'':n'", "select _utf8mb4':n', n':n'"],
        *["select 1 -- :n", "select 1 # :n", "select 1 --\x01:n", "select 1 /* :n */", "select /*"],
        *["select /*+ BKA(:n) */ 1", "select 1 -- a\r:n", "select @a:=1", "select 12:30", "x ::1"],
        *["select ':n", "select `:n", "select 'a\\"],
    ],
)
def test_a_colon_in_a_literal_or_a_comment_is_left_alone(statement: str) -> None:
    bound = bind(statement, MYSQL)

    assert (bound.sql, bound.names, bound.pieces) == (statement, (), (statement,))


PLACED = (
    "select :n",
    "select:n",
    "select 'a\\'b' is not null, :n",
    'select "a\\"b" is not null, :n',
    "select `n` from (select :n as `n`) x",
    "select 1 as `a``:n`, :n",
    "select 1 -- :m\n, :n",
    "select 1 # :m\r :m\n, :n",
    "select 1 /* :m /* */, :n",
    "select 1 /*/ :m */, :n",
    "select 0--:n",
    "select 1, :n-- :m",
    "select :n*1",
    "select 1*:n",
    "select abs(:n)+0",
    "select 1,:n,:n",
    "select case when 1 then:n else 0 end",
    "select:n union all select:n",
    "select 'a', :n'label'",
    "select :n`label`",
    "select :n as 'x' limit 1",
    "select @a:=:n",
    "select x'41', b'1', n'a', 1.5, :n",
    "select {fn abs(:n)}",
)


@pytest.mark.parametrize("statement", PLACED)
def test_the_server_gets_the_value_where_the_client_wrote_the_name(
    mysql_family: MysqlFamilyServer, statement: str
) -> None:
    bound = bind(statement, MYSQL)

    assert len(bound.pieces) == len(bound.names) + 1
    assert set(bound.names) == {"n"}
    rows = mysql_family.admin_sql("4711".join(bound.pieces))
    assert rows[-1][-1] in (4711, "4711")


@given(a_statement)
def test_the_pieces_and_names_are_the_statement_but_for_spaces(statement: str) -> None:
    try:
        bound = bind(statement, MYSQL)
    except RefusedError:
        return

    names = [f":{name}" for name in bound.names]
    whole = "".join(part for pair in zip(bound.pieces, [*names, ""], strict=True) for part in pair)
    assert whole.replace(" ", "") == statement.replace(" ", "")


NEIGHBOURS = (
    *[":n", ":n", "a", "e", "1", "1.", ".", "@", "$", "-", "--", "/", "*", "\\", "'x'", "`a`", "é"],
    *[" ", ",", "(", ")", "_utf8", "n", "x", "0", "/**/", "-- \n"],
)
neighbours = st.lists(st.sampled_from(NEIGHBOURS), max_size=8).map("".join)


@given(neighbours, st.sampled_from(["7", "-7", "NULL", "_utf8mb4 X'41'", "''", "1e5"]))
def test_a_literal_is_read_as_one_and_nothing_beside_it_otherwise(
    statement: str, literal: str
) -> None:
    bound = bind(statement, MYSQL)
    before = [statement[t.start : t.end] for t in fine.tokens(statement) if t.kind not in UNREAD]

    written = literal.join(bound.pieces)

    after = [written[t.start : t.end] for t in fine.tokens(written) if t.kind not in UNREAD]
    of_literal = [
        literal[t.start : t.end] for t in fine.tokens(literal) if t.kind is not fine.Kind.SPACE
    ]
    expected: list[str] = []
    for text in before:
        is_named = text[0] == ":" and len(text) > 1
        expected += of_literal if is_named else [text]
    assert after == expected


@pytest.mark.parametrize(
    ("statement", "written"),
    [
        ("select:n", "select 7"),
        ("select 1--:n", "select 1--7"),
        ("select 0:n, e:n.5", "select 0 7, e 7 .5"),
        ("select :n:n`a`", "select 7 7 `a`"),
        ("select 'a':n'b'", "select 'a' 7 'b'"),
        ("f(:n,:n)*:n", "f(7,7)*7"),
        ("select @:n\\:n", "select @ 7 \\ 7"),
    ],
)
def test_a_space_keeps_a_literal_from_what_it_would_run_into(statement: str, written: str) -> None:
    assert "7".join(bind(statement, MYSQL).pieces) == written


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("select 1", ("SELECT",)),
        (" ; /* /* */ -- x\n# y\ndrop table t", ("DROP", "TABLE")),
        ("create/**/user u", ("CREATE", "USER")),
        ("--x\nselect 1", ()),
        ("(select 1)", ()),
        ("/*! select */", ()),
        ("$a b", ("$A", "B")),
        (" ; -- nothing", None),
    ],
)
def test_the_first_words_are_found_behind_what_does_not_matter(
    statement: str, words: tuple[str, ...] | None
) -> None:
    assert first_words(statement, 2) == words


@pytest.mark.parametrize(
    ("statement", "start"),
    [
        *[("select 1", None), ("select 1;", None), (" ; select 1 ; -- x\n;;/* y */ ", None)],
        *[("select 1;select 2", 8), (";select 1; # x\n2", 9), ("select ';'; ';'", 10)],
    ],
)
def test_a_second_statement_is_found_behind_its_semicolon(
    statement: str, start: int | None
) -> None:
    assert start_of_second(statement) == start


def test_too_many_parameters_are_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        list(tokens(":a," * (TOKENS_MAX + 1)))

    assert caught.value.fault.code is FaultCode.STATEMENT_REFUSED


@pytest.mark.parametrize(
    ("statement", "texts"),
    [
        ("select Ä, `B``c` from$ t.INTO", ["select", "Ä", ",", "b``c", "from$", "t", ".", "into"]),
        (
            "1.5e3 .5 1. 1e+5 0x1F 2fa a.2b",
            ["1.5e3", ".5", "1.", "1e+5", "0x1f", "2fa", "a", ".", "2b"],
        ),
        ("@a.into @@into @`x` :a.b", ["@a.into", "@@", "into", "@", "x", ":a", ".", "b"]),
        ("\\Ninto x'41'into", ["\\N", "into", "x", "41", "into"]),
        ("`t`.into `t`.5 into", ["t", ".", "into", "t", ".5", "into"]),
        ("a:=b->>c --1", ["a", ":=", "b", "-", ">", ">", "c", "-", "-", "1"]),
    ],
)
def test_marks_have_their_text(statement: str, texts: list[str]) -> None:
    assert [mark.text for mark in marks(statement)] == texts


@pytest.mark.parametrize(
    "statement", ["1.into", "1e5into", "1.5into", ".5into", "1.e(", "1.$a", "`t`.5into"]
)
def test_a_number_that_runs_into_a_word_is_seen(statement: str) -> None:
    assert Sort.GLUED_NUMBER in [mark.sort for mark in marks(statement)][:2]
    assert "into" not in statement or "into" in spelled(statement)
