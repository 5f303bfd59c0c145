import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from executor.dialects import POSTGRESQL
from executor.parameters import JsonArray, bind, values
from wire.faults import RefusedError
from wire.names import PARAMETERS_MAX

N = {"n": Raw(b"1")}


def given_values(**params: object) -> dict[str, Raw]:
    return {name: Raw(msgspec.json.encode(value)) for name, value in params.items()}


@pytest.mark.parametrize(
    "statement",
    [
        "select ':n'",
        "select 'it''s :n'",
        "select E'it\\'s :n'",
        "select e'\\\\' || '\\:n'",
        "select E'a'\n  '\\':n'",
        "select E'a' -- and on\n  '\\':n'",
        "select U&'\\0441 :n'",
        "select B'01' || X'1F' || N':n'",
        'select ":n"',
        'select "a"":n"',
        "select 1 -- :n",
        "select 1 /* :n */",
        "select 1 /* /* */ :n */",
        "select $$ :n $$",
        "select $a$ $$ :n $b$ $a$",
        "select $ä$ :n $ä$",
        "select a$b$ :: int, c$b$ from t",
        "select x::n",
        "select x :: n",
        "select x[1:n]",
        "select x[a:n]",
        "select x[f(1):n]",
        "select x[y[1]:n]",
        "select (x)[1:n]",
        "select x[1:2][1:n]",
        "select json_object('a':n)",
        'select json_object("a":n)',
        "select x := 1",
        "select ':n",
        "select $$ :n",
        "select /* :n",
        "select E'a'\n'\\' and :n",
        'select ":n',
        "select '12:30'::time",
    ],
)
def test_a_colon_that_belongs_to_postgresql_is_left_alone(statement: str) -> None:
    bound = bind(statement, POSTGRESQL)

    assert (bound.sql, bound.names) == (statement, ())


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("select :n", "select $1"),
        ("select :n::int", "select $1::int"),
        ("select :n, :n", "select $1, $1"),
        ("select a.b=:n", "select a.b=$1"),
        ("select 'x'||:n||'y'", "select 'x'||$1||'y'"),
        ("select E'\\'' = :n", "select E'\\'' = $1"),
        ("select 'a\\' = :n", "select 'a\\' = $1"),
        ("select se'x' = :n", "select se'x' = $1"),
        ("select $$a$$ = :n", "select $$a$$ = $1"),
        ("select 1 --x\n+:n", "select 1 --x\n+$1"),
        ("select 1+/* */:n", "select 1+/* */$1"),
        ("select ARRAY[:n, 2]", "select ARRAY[$1, 2]"),
        ("select array [ :n ]", "select array [ $1 ]"),
        ("select ARRAY[[1, :n]]", "select ARRAY[[1, $1]]"),
        ("select x[:n]", "select x[$1]"),
        ("select x[(:n):(:n)]", "select x[($1):($1)]"),
        ("select f(x[1:2], :n)", "select f(x[1:2], $1)"),
        ("select json_object('a': :n)", "select json_object('a': $1)"),
        ("limit :n offset:n", "limit $1 offset$1"),
        (":n", "$1"),
        ("(:n)", "($1)"),
    ],
)
def test_a_name_after_a_colon_is_bound(statement: str, expected: str) -> None:
    bound = bind(statement, POSTGRESQL)

    assert (bound.sql, bound.names) == (expected, ("n",))


def test_names_are_numbered_in_the_order_of_their_first_use() -> None:
    bound = bind("select :b, :a, :b, :größe", POSTGRESQL)

    assert bound.sql == "select $1, $2, $1, $3"
    assert bound.names == ("b", "a", "größe")


def test_values_keep_every_digit_and_every_character() -> None:
    bound = bind("select :f, :i, :s, :t, :z, :o, :l", POSTGRESQL)
    params = {
        "f": Raw(b"0.30000000000000000000001"),
        "i": Raw(b"123456789012345678901234567890"),
        **given_values(s="ü\"\\' :x", t=True, z=None, o={"a": [1]}, l=[1, "b"]),
    }

    found = values(bound, params)

    assert found == [
        b"0.30000000000000000000001",
        b"123456789012345678901234567890",
        "ü\"\\' :x".encode(),
        b"true",
        None,
        b'{"a":[1]}',
        JsonArray(b'[1,"b"]'),
    ]


@pytest.mark.parametrize(
    ("statement", "params", "sentence"),
    [
        ("select :a, :b", {"a": 1}, "The statement has :b, but params has no such name"),
        ("select :a", {"a": 1, "c": 2}, "params has c, but the statement has no such name"),
        ("select 1", {"a": 1}, "params has a, but the statement has no such name"),
        ("select :a", {"a": "x\0y"}, "The value of :a has a NUL character, which text cannot hold"),
        ("select :a, $1", {"a": 1}, "Write every parameter as :name; $1 cannot stand beside them"),
    ],
)
def test_parameters_that_do_not_fit_are_named(
    statement: str, params: dict[str, object], sentence: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        values(bind(statement, POSTGRESQL), given_values(**params))

    assert caught.value.fault.message == sentence


def test_a_statement_takes_so_many_parameters_and_no_more() -> None:
    names = [f"p{number}" for number in range(PARAMETERS_MAX + 1)]
    fits, too_many = (
        bind(f"select {', '.join(f':{n}' for n in some)}", POSTGRESQL)
        for some in (names[1:], names)
    )

    assert len(values(fits, given_values(**dict.fromkeys(names[1:], 0)))) == PARAMETERS_MAX
    with pytest.raises(RefusedError, match=f"at most {PARAMETERS_MAX} parameters"):
        values(too_many, given_values(**dict.fromkeys(names, 0)))


@given(
    st.lists(
        st.sampled_from(
            [":n", ":longer_name", "'x'", "::", "[", "]", "ARRAY", " ", "$$", "/*", "--", "\n", "é"]
        )
    )
)
def test_a_position_in_what_the_server_got_leads_to_what_the_client_wrote(
    parts: list[str],
) -> None:
    statement = " ".join(parts)

    bound = bind(statement, POSTGRESQL)

    unchanged = [i for i, c in enumerate(bound.sql) if c not in "$123456789"]
    for index in unchanged:
        assert statement[bound.position(index + 1) - 1] == bound.sql[index]


@given(st.text(alphabet="':\"$a1[]/*-\n E\\"))
def test_any_text_is_read_to_its_end_and_binding_nothing_changes_nothing(statement: str) -> None:
    bound = bind(statement, POSTGRESQL)

    if not bound.names:
        assert bound.sql == statement
