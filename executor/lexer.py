"""Where a PostgreSQL statement has words, brackets and parameters; knows nothing of grammar; pure.

Follows the rules of the server's own scanner (scan.l): nested comments, doubled quotes, backslashes
in E'' only, dollar quotes, string continuation over a line break. It assumes
standard_conforming_strings, the server's default since 9.1. Whatever is not closed reaches to the
end of the text.

One regular expression reads a whole run of what does not matter at once: a client chooses the text,
and a Python object for each of a million brackets would stop every other statement for seconds.
Its patterns are spelled as `executor/spelling.py` says.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

from executor import spelling
from executor.spelling import (
    DOUBLE_QUOTED,
    IN_WORD,
    LETTER,
    LETTER_OR_DIGIT,
    POSTGRESQL_QUOTE,
    POSTGRESQL_STRING,
    end_of_comment,
)
from wire.faults import Fault, FaultCode, RefusedError


class Kind(Enum):
    """What a token is; spaces and comments are none."""

    WORD = auto()
    OPERAND = auto()
    """A literal, a number or a quoted name."""
    PARAMETER = auto()
    """A colon and a name, wherever that can be read so."""
    POSITIONAL = auto()
    """The server's own `$1`."""
    OPENING = auto()
    """Brackets that open, of either kind, with nothing between them."""
    CLOSING = auto()
    OTHER = auto()


class Token(NamedTuple):
    """One token and its place in the statement, in characters."""

    kind: Kind
    start: int
    end: int


TOKENS_MAX: Final = 50_000
"""More of them would keep the interpreter, and so every other statement, for over 0.1 s."""

COMMENTS_MAX: Final = 50_000
"""Comments that begin: nested ones are followed by hand."""

_WORD: Final = rf"{LETTER} {IN_WORD}*+"
# A comment with another one in it does not match: it takes counting.
_SPACE: Final = r"[ \t\n\r\f\v]++ | --[^\n\r]*+ | /\*(?>(?:[^*/]++|\*(?!/)|/(?!\*))*)\*/"
_OPERAND: Final = rf"""
    {POSTGRESQL_STRING} | {DOUBLE_QUOTED}
  | [0-9][A-Za-z0-9_.]*+ | \.[0-9][A-Za-z0-9_.]*+
"""
_OTHER: Final = rf"""
    ::|:=|:(?!{LETTER}) | /(?!\*) | -(?!-)
  | (?!{POSTGRESQL_QUOTE}) \$(?![0-9]) | \.(?![0-9])
  | [^-:/$()\[\]'". \t\n\r\f\vA-Za-z0-9_\u0080-\U0010ffff]++
"""


def _grammar(*, within: str, stop: str) -> re.Pattern[str]:
    """Return what matches a run with its last token, or what stops one.

    The run itself has no named groups: only the last token's are wanted.
    """
    return re.compile(
        rf"""
        (?>(?: (?> {_OPERAND} | {_WORD} | {within} ) (?>(?: {_SPACE} )*) (?! {stop} | \Z ) )*)
        (?: (?P<operand> {_OPERAND} ) | (?P<word> {_WORD} ) | (?P<other> {_OTHER} )
          | (?P<opening> [(\[]++ ) | (?P<closing> [)\]]++ ) )
      | (?>(?: {_SPACE} )+)
      | (?P<parameter> : {LETTER} {LETTER_OR_DIGIT}*+ )
      | (?P<positional> \$[0-9]++ )
      | (?P<quote> {POSTGRESQL_QUOTE} )
      | (?P<comment> /\* )
        """,
        re.VERBOSE | re.DOTALL,
    )


_STOP: Final = rf"[$] | :{LETTER} | /\*"
_WITH_SUBSCRIPTS: Final = _grammar(within=_OTHER, stop=rf"{_STOP} | [()\[\]]")
# Then brackets decide nothing, but that something ends with one.
_WITHOUT_SUBSCRIPTS: Final = _grammar(within=rf"{_OTHER} | [(]++ | [)\]]++", stop=_STOP)
_KINDS: Final = {
    "word": Kind.WORD,
    "operand": Kind.OPERAND,
    "parameter": Kind.PARAMETER,
    "positional": Kind.POSITIONAL,
    "opening": Kind.OPENING,
    "closing": Kind.CLOSING,
    "other": Kind.OTHER,
}
_COLON_AND_NAME: Final = re.compile(rf":{LETTER}")
_FIRST_WORD: Final = re.compile(rf"(?![eE]') {_WORD}", re.VERBOSE)
_NOTHING: Final = re.compile(rf"(?>(?: {_SPACE} | ; )*)", re.VERBOSE | re.DOTALL)


def tokens(statement: str) -> Iterator[Token]:
    """Yield the tokens of *statement* in order; of a run of words and literals only the last.

    Raises RefusedError when there are too many.
    """
    match = (_WITH_SUBSCRIPTS if "[" in statement else _WITHOUT_SUBSCRIPTS).match
    at = count = 0
    while at < len(statement):
        found = match(statement, at)
        if found is None:
            raise AssertionError("one alternative or another matches any character")
        count += 1
        if count > TOKENS_MAX:
            raise RefusedError(too_intricate())
        group, start, at = found.lastgroup, at, found.end()
        if group == "comment":
            at = end_of_comment(statement, start)
        elif group == "quote":
            at = _end_of_quote(statement, found[0], at)
            yield Token(Kind.OPERAND, start, at)
        elif group is not None:
            yield Token(_KINDS[group], *found.span(group))


def may_have_parameters(statement: str) -> bool:
    """Return whether *statement* has a colon and a name anywhere, be it in a literal."""
    return _COLON_AND_NAME.search(statement) is not None


def first_words(statement: str, count: int) -> tuple[str, ...] | None:
    """Return so many words that it begins with, in capitals; None when there is nothing at all."""
    return spelling.first_words(statement, count, word=_FIRST_WORD, skip=_end_of_nothing)


def _end_of_nothing(statement: str, start: int) -> int:
    while True:
        found = _NOTHING.match(statement, start)
        at = start if found is None else found.end()
        if not statement.startswith("/*", at):
            return at
        start = end_of_comment(statement, at)


def _end_of_quote(statement: str, quote: str, start: int) -> int:
    close = statement.find(quote, start)
    return len(statement) if close < 0 else close + len(quote)


def too_intricate() -> Fault:
    """Return the fault of a statement with too many tokens."""
    sentence = (
        f"The statement has more than {TOKENS_MAX} parameters and brackets; "
        "send long lists as one array or JSON parameter"
    )
    return Fault(code=FaultCode.STATEMENT_REFUSED, message=sentence)
