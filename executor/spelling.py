"""How comments, strings and words are spelled, for every reader of SQL; pure.

Each pattern begins and goes on in one way only, so no text is read more than a few times. Groups
repeat inside an atomic group: before Python 3.11.5 a possessive repeat of a group may go on in the
wrong place (python/cpython#106052). All are for expressions with VERBOSE and DOTALL.
"""

import re
from collections.abc import Callable
from typing import Final

LETTER: Final = r"[A-Za-z_\u0080-\U0010ffff]"
LETTER_OR_DIGIT: Final = r"[A-Za-z0-9_\u0080-\U0010ffff]"
IN_WORD: Final = r"[A-Za-z0-9_$\u0080-\U0010ffff]"
DOUBLE_QUOTED: Final = r'"(?>(?:[^"]++|"")*) (?: " | \Z )'
PLAIN_BODY: Final = r"(?>(?:[^']++|'')*)"
_ESCAPED_BODY: Final = r"(?>(?:[^'\\]++|\\.|'')*)"
# Between two parts of one string: spaces and comments, with a line break among them.
_CONTINUED: Final = r"[ \t\f\v]*+(?:--[^\n\r]*+)?[\n\r](?>(?:[ \t\n\r\f\v]|--[^\n\r]*+[\n\r])*)'"
POSTGRESQL_STRING: Final = rf"""
    [eE]'{_ESCAPED_BODY} (?: ' | \\?\Z ) (?>(?: {_CONTINUED} {_ESCAPED_BODY} (?: ' | \\?\Z ) )*)
  | '{PLAIN_BODY} (?: ' | \Z ) (?>(?: {_CONTINUED} {PLAIN_BODY} (?: ' | \Z ) )*)
"""
POSTGRESQL_QUOTE: Final = rf"\$ (?: {LETTER} {LETTER_OR_DIGIT}*+ )? \$"
"""What a string in dollar quotes begins and ends with."""
SQLITE_COMMENT: Final = r"--[^\n]*+ | /\*(?>(?:[^*]++|\*(?!/))*) (?: \*/ | \Z )"
"""Either kind: to the line's end, or to the first closing one, for these do not nest."""

_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")


def end_of_comment(statement: str, start: int) -> int:
    """Return where the comment ends that begins at *start*, with those that are nested in it."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(statement, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(statement)


def first_words(
    statement: str, count: int, *, word: re.Pattern[str], skip: Callable[[str, int], int]
) -> tuple[str, ...] | None:
    """Return so many words that it begins with, in capitals; None when there is nothing at all.

    *skip* returns where something begins again: neither space nor comment nor semicolon.
    """
    words: list[str] = []
    at = skip(statement, 0)
    if at == len(statement):
        return None
    while len(words) < count and (found := word.match(statement, at)) is not None:
        words.append(found[0].upper())
        at = skip(statement, found.end())
    return tuple(words)
