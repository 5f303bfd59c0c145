"""Where a PostgreSQL statement has words, brackets and parameters; knows nothing of grammar; pure.

Follows the rules of the server's own scanner (scan.l): nested comments, doubled quotes, backslashes
in E'' only, dollar quotes, string continuation over a line break. It assumes
standard_conforming_strings, the server's default since 9.1. Whatever is not closed reaches to the
end of the text.

One regular expression reads a whole run of what does not matter at once: a client chooses the text,
and a Python object for each of a million brackets would stop every other statement for seconds.
Every alternative begins and goes on in one way only, so no text is read more than a few times.
Groups repeat inside an atomic group: before Python 3.11.5 a possessive repeat of a group may go on
in the wrong place (python/cpython#106052).
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

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

_LETTER: Final = r"[A-Za-z_\u0080-\U0010ffff]"
_LETTER_OR_DIGIT: Final = r"[A-Za-z0-9_\u0080-\U0010ffff]"
_WORD: Final = rf"{_LETTER} [A-Za-z0-9_$\u0080-\U0010ffff]*+"
# A comment with another one in it does not match: it takes counting.
_SPACE: Final = r"[ \t\n\r\f\v]++ | --[^\n\r]*+ | /\*(?>(?:[^*/]++|\*(?!/)|/(?!\*))*)\*/"
# Between two parts of one string: spaces and comments, with a line break among them.
_CONTINUED: Final = r"[ \t\f\v]*+(?:--[^\n\r]*+)?[\n\r](?>(?:[ \t\n\r\f\v]|--[^\n\r]*+[\n\r])*)'"
_ESCAPED_BODY: Final = r"(?>(?:[^'\\]++|\\.|'')*)"
_PLAIN_BODY: Final = r"(?>(?:[^']++|'')*)"
_OPERAND: Final = rf"""
    [eE]'{_ESCAPED_BODY} (?: ' (?>(?: {_CONTINUED} {_ESCAPED_BODY} ' )*) | \\?\Z )
  | '{_PLAIN_BODY} (?: ' (?>(?: {_CONTINUED} {_PLAIN_BODY} ' )*) | \Z )
  | "(?>(?:[^"]++|"")*) (?: " | \Z )
  | [0-9][A-Za-z0-9_.]*+ | \.[0-9][A-Za-z0-9_.]*+
"""
_QUOTE: Final = rf"\$ (?: {_LETTER} {_LETTER_OR_DIGIT}*+ )? \$"
_OTHER: Final = rf"""
    ::|:=|:(?!{_LETTER}) | /(?!\*) | -(?!-)
  | (?!{_QUOTE}) \$(?![0-9]) | \.(?![0-9])
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
      | (?P<parameter> : {_LETTER} {_LETTER_OR_DIGIT}*+ )
      | (?P<positional> \$[0-9]++ )
      | (?P<quote> {_QUOTE} )
      | (?P<comment> /\* )
        """,
        re.VERBOSE | re.DOTALL,
    )


_STOP: Final = rf"[$] | :{_LETTER} | /\*"
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
_COLON_AND_NAME: Final = re.compile(rf":{_LETTER}")
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
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
            at = _end_of_comment(statement, start)
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
    words: list[str] = []
    at = _end_of_nothing(statement, 0)
    if at == len(statement):
        return None
    while len(words) < count and (found := _FIRST_WORD.match(statement, at)) is not None:
        words.append(found[0].upper())
        at = _end_of_nothing(statement, found.end())
    return tuple(words)


def _end_of_nothing(statement: str, start: int) -> int:
    while True:
        found = _NOTHING.match(statement, start)
        at = start if found is None else found.end()
        if not statement.startswith("/*", at):
            return at
        start = _end_of_comment(statement, at)


def _end_of_comment(statement: str, start: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(statement, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(statement)


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
