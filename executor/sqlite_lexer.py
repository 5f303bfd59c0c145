r"""Where a SQLite statement has parameters, and with which words it begins; pure.

Follows SQLite's own scanner (tokenize.c): quotes are doubled and nothing else escapes one, names
stand in `"…"`, `` `…` `` or `[…]`, comments do not nest, and a colon is never anything but a
parameter's. Whatever is not closed reaches to the end of the text.

One regular expression reads all that lies between two parameters at once, of patterns that are
spelled as `executor/spelling.py` says.
"""

import re
from collections.abc import Iterator
from typing import Final

from executor import spelling
from executor.lexer import TOKENS_MAX, Kind, Token, too_intricate
from executor.spelling import (
    DOUBLE_QUOTED,
    IN_WORD,
    LETTER,
    LETTER_OR_DIGIT,
    PLAIN_BODY,
    SQLITE_COMMENT,
)
from wire.faults import RefusedError

# A byte order mark is a space where a token may begin, and part of a name within one.
_WORD: Final = rf"(?!\ufeff) {LETTER} {IN_WORD}*+"
_SPACE: Final = rf"[ \t\n\r\f\v\ufeff]++ | {SQLITE_COMMENT}"
_ELSEWHERE: Final = rf"""
    {_SPACE} | {_WORD} | [0-9]{IN_WORD}*+
  | '{PLAIN_BODY} (?: ' | \Z )
  | {DOUBLE_QUOTED}
  | `(?>(?:[^`]++|``)*) (?: ` | \Z )
  | \[[^\]]*+ (?: \] | \Z )
  | -(?!-) | /(?!\*)
  | [^-/'"`\[:?@$# \t\n\r\f\vA-Za-z0-9_\u0080-\U0010ffff]++
"""
_TOKEN: Final = re.compile(
    rf"""
    (?P<elsewhere> (?>(?: {_ELSEWHERE} )+) )
  | (?P<parameter> : {LETTER} {LETTER_OR_DIGIT}*+ )
  | (?P<positional> [?@$#:] {IN_WORD}*+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_MARK: Final = re.compile(r"[?@$#:]")
_FIRST_WORD: Final = re.compile(_WORD, re.VERBOSE)
_NOTHING: Final = re.compile(rf"(?>(?: {_SPACE} | ; )*)", re.VERBOSE | re.DOTALL)


def tokens(statement: str) -> Iterator[Token]:
    """Yield the parameters of *statement* in order, `:name` and SQLite's own, and nothing else.

    Raises RefusedError when there are too many.
    """
    count = at = 0
    while at < len(statement):
        found = _TOKEN.match(statement, at)
        if found is None:
            raise AssertionError("one alternative or another matches any character")
        at = found.end()
        if found.lastgroup == "elsewhere":
            continue
        count += 1
        if count > TOKENS_MAX:
            raise RefusedError(too_intricate())
        kind = Kind.PARAMETER if found.lastgroup == "parameter" else Kind.POSITIONAL
        yield Token(kind, *found.span())


def may_have_parameters(statement: str) -> bool:
    """Return whether *statement* has what a parameter begins with anywhere, be it in a literal."""
    return _MARK.search(statement) is not None


def first_words(statement: str, count: int) -> tuple[str, ...] | None:
    """Return so many words that it begins with, in capitals; None when there is nothing at all."""
    return spelling.first_words(statement, count, word=_FIRST_WORD, skip=_end_of_nothing)


def _end_of_nothing(statement: str, start: int) -> int:
    found = _NOTHING.match(statement, start)
    return start if found is None else found.end()
