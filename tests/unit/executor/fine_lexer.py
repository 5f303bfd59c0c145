"""The server's scanner once more, one token at a time: what the executor's lexer is compared with.

It is slow, and simple enough to be read beside scan.l: no runs, no limits.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final, NamedTuple


class Kind(Enum):
    """What a token is; spaces and comments are none."""

    WORD = auto()
    QUOTED_NAME = auto()
    STRING = auto()
    NUMBER = auto()
    PARAMETER = auto()
    """A colon and a name, wherever that can be read so."""
    POSITIONAL = auto()
    """The server's own `$1`."""
    SYMBOL = auto()


class Token(NamedTuple):
    """One token and its place in the statement, in characters."""

    kind: Kind
    start: int
    end: int


_LETTER: Final = r"[A-Za-z_\u0080-\U0010ffff]"
_LETTER_OR_DIGIT: Final = r"[A-Za-z0-9_\u0080-\U0010ffff]"
# Between two parts of one string: spaces and comments, with a line break among them.
_CONTINUED: Final = r"[ \t\f\v]*+(?:--[^\n\r]*+)?[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*+[\n\r])*+'"
_ESCAPED_BODY: Final = r"(?:[^'\\]|\\.|'')*+"
_PLAIN_BODY: Final = r"(?:[^']|'')*+"
_TOKEN: Final = re.compile(
    rf"""
    (?P<space>     (?: [ \t\n\r\f\v]++ | --[^\n\r]*+ )++ )
  | (?P<comment>   /\* )
  | (?P<escaped>   [eE]'{_ESCAPED_BODY} (?: ' (?: {_CONTINUED} {_ESCAPED_BODY} ' )*+ | \\?\Z ) )
  | (?P<word>      {_LETTER} (?: {_LETTER_OR_DIGIT} | \$ )*+ )
  | (?P<string>    '{_PLAIN_BODY} (?: ' (?: {_CONTINUED} {_PLAIN_BODY} ' )*+ | \Z ) )
  | (?P<quoted>    "(?:[^"]|"")*+ (?: " | \Z ) )
  | (?P<number>    \.?[0-9][A-Za-z0-9_.]*+ )
  | (?P<positional>\$[0-9]++ )
  | (?P<dollar>    \$ (?: {_LETTER} {_LETTER_OR_DIGIT}*+ )? \$ )
  | (?P<parameter> : {_LETTER} {_LETTER_OR_DIGIT}*+ )
  | (?P<symbol>    ::|:=|. )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_KINDS: Final = {
    "escaped": Kind.STRING,
    "word": Kind.WORD,
    "string": Kind.STRING,
    "quoted": Kind.QUOTED_NAME,
    "number": Kind.NUMBER,
    "positional": Kind.POSITIONAL,
    "dollar": Kind.STRING,
    "parameter": Kind.PARAMETER,
    "symbol": Kind.SYMBOL,
}


def tokens(statement: str) -> Iterator[Token]:
    """Yield the tokens of *statement* in order."""
    at = 0
    while at < len(statement):
        found = _TOKEN.match(statement, at)
        if found is None or found.lastgroup is None:
            raise AssertionError("the last alternative matches any character")
        group, start, at = found.lastgroup, at, found.end()
        if group == "space":
            continue
        if group == "comment":
            at = _end_of_comment(statement, start)
            continue
        if group == "dollar":
            close = statement.find(found[0], at)
            at = len(statement) if close < 0 else close + len(found[0])
        yield Token(_KINDS[group], start, at)


def _end_of_comment(statement: str, start: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(statement, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(statement)
