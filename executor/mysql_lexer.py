r"""Where a MySQL or MariaDB statement has parameters and ends, and its first words; pure.

Follows the servers' own scanner (lex_one_token of sql_lex.cc): backslashes escape in `'…'` and
`"…"`, quotes are doubled, `-- ` needs a space or a control character behind it, a line ends with
`\n` only, and comments do not nest. It assumes a sql_mode without ANSI_QUOTES and
NO_BACKSLASH_ESCAPES. Executors set such a mode at each reset, and a client that changes it
changes nothing here: its statement has been read by then, it is alone, and a reset follows.
Whatever is not closed reaches to the end of the text.

`/*! … */` and MariaDB's `/*M! … */` are SQL to one server and a comment to another, by version:
they are refused, as is a hint in which a quoted `*/` ends the comment for one reader and not for
the next.

One regular expression reads all that lies between two parameters at once, of patterns that are
spelled as `executor/spelling.py` says.
"""

import re
from collections.abc import Iterator
from typing import Final

from executor import spelling
from executor.lexer import TOKENS_MAX, Kind, Token, too_intricate
from executor.spelling import IN_WORD, LETTER, LETTER_OR_DIGIT
from wire.faults import Fault, FaultCode, RefusedError

_BODY: Final = r"(?>(?:[^*]++|\*(?!/))*) (?: \*/ | \Z )"
_IN_HINT: Final = r"""[^*'"`]++ | \*(?!/) | '[^'*\\]*+' | "[^"*\\]*+" | `[^`*]*+`"""
BEGINS_LINE_COMMENT: Final = r"(?: [#] | -- (?: (?=[\x00-\x20\x7f]) | \Z ) )"
SPACE: Final = rf"""
    [ \t\n\r\f\v]++ | {BEGINS_LINE_COMMENT} [^\n]*+ | /\*(?![!+]|[mM]!) {_BODY}
  | /\*\+(?>(?: {_IN_HINT} )*)\*/
"""
"""Space, a comment or a hint."""
WORD_LETTER: Final = r"[A-Za-z_$\u0080-\U0010ffff]"
STRING: Final = r"""
    '(?>(?:[^'\\]++|\\.|'')*) (?: ' | \\?\Z )
  | "(?>(?:[^"\\]++|\\.|"")*) (?: " | \\?\Z )
"""
NAME: Final = r"`(?>(?:[^`]++|``)*) (?: ` | \Z )"

_ELSEWHERE: Final = rf"""
    {SPACE} | {STRING} | {NAME} | {IN_WORD}++
  | -(?! -(?:[\x00-\x20\x7f]|\Z) ) | /(?!\*) | :(?!{LETTER})
  | [^-/:;#'"` \t\n\r\f\vA-Za-z0-9_$\u0080-\U0010ffff]++
"""
_TOKEN: Final = re.compile(
    rf"""
    (?P<elsewhere> (?>(?: {_ELSEWHERE} )+) )
  | (?P<parameter> : {LETTER} {LETTER_OR_DIGIT}*+ )
  | (?P<semicolons> ;++ )
  | (?P<executable> /\* )
    """,
    re.VERBOSE | re.DOTALL,
)
_COLON_AND_NAME: Final = re.compile(rf":{LETTER}")
_MAY_BE_EXECUTABLE: Final = re.compile(r"/\*(?:[!+]|[mM]!)")
_FIRST_WORD: Final = re.compile(rf"{WORD_LETTER}{IN_WORD}*+")
_NOTHING: Final = re.compile(rf"(?>(?: {SPACE} | ; )*)", re.VERBOSE | re.DOTALL)
_EXECUTABLE: Final = (
    "A comment that begins with /*! or /*M! is SQL to one server and nothing to another; write its "
    "content without the comment, or leave it out. A hint has its end outside of quotes."
)


def tokens(statement: str) -> Iterator[Token]:
    """Yield the parameters of *statement* and its semicolons in order, and nothing else.

    Raises RefusedError when there are too many, and for an executable comment.
    """
    count = at = 0
    while at < len(statement):
        found = _TOKEN.match(statement, at)
        if found is None:
            raise AssertionError("one alternative or another matches any character")
        start, at = at, found.end()
        if found.lastgroup == "elsewhere":
            continue
        if found.lastgroup == "executable":
            raise RefusedError(_executable_at(start))
        count += 1
        if count > TOKENS_MAX:
            raise RefusedError(too_intricate())
        kind = Kind.PARAMETER if found.lastgroup == "parameter" else Kind.OTHER
        yield Token(kind, start, at)


def may_have_parameters(statement: str) -> bool:
    """Return whether *statement* has a colon and a name anywhere, be it in a literal."""
    return _COLON_AND_NAME.search(statement) is not None


def may_be_several(statement: str) -> bool:
    """Return whether *statement* may have an executable comment or something behind a semicolon."""
    has_more = ";" in statement.rstrip("; \t\n\r\f\v")
    return has_more or _MAY_BE_EXECUTABLE.search(statement) is not None


def start_of_second(statement: str) -> int | None:
    """Return where the semicolon is that another statement follows; None if none does.

    Raises what `tokens` does.
    """
    begins = end_of_nothing(statement, 0)
    ends = [token for token in tokens(statement) if token.kind is Kind.OTHER]
    first = next((token for token in ends if token.start >= begins), None)
    if first is None or end_of_nothing(statement, first.end) == len(statement):
        return None
    return first.start


def first_words(statement: str, count: int) -> tuple[str, ...] | None:
    """Return so many words that it begins with, in capitals; None when there is nothing at all."""
    return spelling.first_words(statement, count, word=_FIRST_WORD, skip=end_of_nothing)


def end_of_nothing(statement: str, start: int) -> int:
    """Return where *statement* goes on behind spaces, comments and semicolons."""
    found = _NOTHING.match(statement, start)
    return start if found is None else found.end()


def _executable_at(start: int) -> Fault:
    return Fault(code=FaultCode.STATEMENT_REFUSED, message=_EXECUTABLE, position=start + 1)
