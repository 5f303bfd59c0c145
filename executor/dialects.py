"""What the engines' dialects of SQL do differently, as far as parameters and words go; pure."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from executor import lexer, mysql_lexer, sqlite_lexer
from executor.lexer import Token


class Dialect(NamedTuple):
    """One engine's way to write SQL."""

    name: str
    """What the configuration calls the engine."""
    tokens: Callable[[str], Iterator[Token]]
    may_have_parameters: Callable[[str], bool]
    """A quick look, which may say yes where there are none."""
    first_words: Callable[[str, int], tuple[str, ...] | None]
    placeholder: str
    """What stands before a parameter's number in what the engine gets; nothing where values do."""
    has_own_colons: bool
    """Whether a colon can be the dialect's own: a slice's, or JSON_OBJECT's."""
    has_own_parameters: bool
    """Whether what looks like the engine's own parameter may be right without one of ours."""


POSTGRESQL: Final = Dialect(
    name="postgresql",
    tokens=lexer.tokens,
    may_have_parameters=lexer.may_have_parameters,
    first_words=lexer.first_words,
    placeholder="$",
    has_own_colons=True,
    has_own_parameters=True,  # PREPARE and the bodies of SQL functions have them
)

SQLITE: Final = Dialect(
    name="sqlite",
    tokens=sqlite_lexer.tokens,
    may_have_parameters=sqlite_lexer.may_have_parameters,
    first_words=sqlite_lexer.first_words,
    placeholder="?",
    has_own_colons=False,
    has_own_parameters=False,  # one without a value would be NULL, and nobody would be told
)

MYSQL: Final = Dialect(
    name="mysql",
    tokens=mysql_lexer.tokens,
    may_have_parameters=mysql_lexer.may_have_parameters,
    first_words=mysql_lexer.first_words,
    placeholder="",  # none in the text protocol: literals are written into the statement
    has_own_colons=False,  # a label is written with a space: `again: LOOP`
    has_own_parameters=False,
)
"""MariaDB's as well."""
