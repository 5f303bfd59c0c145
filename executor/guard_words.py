r"""The words and names of a statement, for the guard: a quick list of them, and an exact one; pure.

The quick list is read from the raw text, literals and comments too, and so has every word and name
that the engine's own scanner could find there, and more. The exact one follows the scanners (scan.l
and tokenize.c) token by token; it is slow, and asked only when the quick one has something.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

from executor.spelling import (
    DOUBLE_QUOTED,
    IN_WORD,
    LETTER,
    LETTER_OR_DIGIT,
    PLAIN_BODY,
    POSTGRESQL_QUOTE,
    POSTGRESQL_STRING,
    SQLITE_COMMENT,
    end_of_comment,
)


class Sort(Enum):
    """What a mark is."""

    WORD = auto()
    """A word without quotes; its text is in small letters."""
    NAME = auto()
    """A name in quotes; its text is what stands in them."""
    STRING = auto()
    """A string in quotes; its text is what stands in them, of E'' with the first of them."""
    NUMBER = auto()
    PARAMETER = auto()
    SYMBOL = auto()
    ESCAPED_NAME = auto()
    """The beginning of `U&"…"`, which can spell any name without its letters."""
    GLUED_NUMBER = auto()
    """The beginning of a number that runs into a word; servers before 15 see two tokens."""
    GLUED_PARAMETER = auto()
    """The beginning of `:name$`: a parameter and a dollar quote, or a slice's colon and a name."""


class Mark(NamedTuple):
    """One token of a statement; comments are none."""

    sort: Sort
    text: str
    start: int

    def is_word(self, text: str) -> bool:
        """Return whether it is this word, without quotes."""
        return self.sort is Sort.WORD and self.text == text

    def is_symbol(self, text: str) -> bool:
        """Return whether it is this symbol."""
        return self.sort is Sort.SYMBOL and self.text == text


class Trouble(NamedTuple):
    """What a guard found that does not run."""

    what: str
    """Words of ours, to go on from "This connection is read-only: "."""
    position: int | None = None
    """Where it stands, in characters from 1."""
    may_write: bool = True
    """Whether a connection that is read-write might run it."""


MARKS_MAX: Final = 20_000
"""More of them would keep the interpreter, and so every other statement, for over 0.1 s."""

# A dollar sign can end a literal as well as go on a word, and SQLite takes a byte order mark for a
# space: neither belongs to a word here, so a word of ours is never hidden in a longer one.
_ROUGH: Final = r"[a-z_\u0080-\ufefe\uff00-\U0010ffff]"
_ROUGH_OR_DIGIT: Final = r"[a-z0-9_\u0080-\ufefe\uff00-\U0010ffff]"
# Before PostgreSQL 15, `1e5into` was a number and a word.
_SPELLED: Final = re.compile(rf"(?>(?:(?<=[0-9.])e[0-9]++)?)({_ROUGH}{_ROUGH_OR_DIGIT}*+)")

_DIGITS: Final = r"[0-9][0-9_]*+"
_POSTGRESQL: Final = re.compile(
    rf"""
    (?P<space> (?>(?: [ \t\n\r\f\v]++ | --[^\n\r]*+ )+) )
  | (?P<comment> /\* )
  | (?P<string> {POSTGRESQL_STRING} )
  | (?P<escaped_name> [uU]&" )
  | (?P<name> {DOUBLE_QUOTED} )
  | (?P<word> {LETTER} {IN_WORD}*+ )
  | (?P<number> (?: 0[xX][0-9A-Fa-f_]++ | 0[oO][0-7_]++ | 0[bB][01_]++
                  | (?: {_DIGITS} \.?+ (?>(?:{_DIGITS})?) | \.{_DIGITS} )
                    (?>(?:[eE][+-]?{_DIGITS})?) )
                (?! {LETTER} ) )
  | (?P<glued_number> \.?[0-9] )
  | (?P<glued_parameter> :{LETTER} {LETTER_OR_DIGIT}*+ \$ )
  | (?P<parameter> \$[0-9]++ )
  | (?P<quote> {POSTGRESQL_QUOTE} )
  | (?P<symbol> ::|:=|. )
    """,
    re.VERBOSE | re.DOTALL,
)
_SQLITE: Final = re.compile(
    rf"""
    (?P<space> (?>(?: [ \t\n\r\f\v\ufeff]++ | {SQLITE_COMMENT} )+) )
  | (?P<string> '{PLAIN_BODY} (?: ' | \Z ) )
  | (?P<name> {DOUBLE_QUOTED} | `(?>(?:[^`]++|``)*) (?: ` | \Z )
            | \[[^\]]*+(?:\]|\Z) )
  | (?P<word> {LETTER} {IN_WORD}*+ )
  | (?P<number> [0-9]{IN_WORD}*+ )
  | (?P<parameter> [?:@$#]{IN_WORD}*+ )
  | (?P<symbol> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_SORTS: Final = {sort.name.lower(): sort for sort in Sort}
_NOTHING: Final = Mark(Sort.SYMBOL, "", 0)


def words_of(text: str) -> frozenset[str]:
    """Return the words of a list of ours, which stand in *text* with spaces between them."""
    return frozenset(text.split())


def spelled(statement: str) -> list[str]:
    """Return all words that stand anywhere in *statement*, in small letters: too many, never less.

    But for names that are written with escapes: `U&"…"` hides them.
    """
    return _SPELLED.findall(statement.lower())


def postgresql_marks(statement: str) -> Iterator[Mark]:
    """Yield the tokens of *statement* as PostgreSQL's scanner finds them."""
    return _marks(_POSTGRESQL, statement)


def sqlite_marks(statement: str) -> Iterator[Mark]:
    """Yield the tokens of *statement* as SQLite's scanner finds them."""
    return _marks(_SQLITE, statement)


def mark_at(marks: list[Mark], index: int) -> Mark:
    """Return the mark at *index*; outside of the list a symbol without text."""
    return marks[index] if 0 <= index < len(marks) else _NOTHING


def without_semicolons(marks: list[Mark]) -> list[Mark]:
    """Return *marks* without the semicolons that they begin and end with."""
    start, end = 0, len(marks)
    while start < end and marks[start].is_symbol(";"):
        start += 1
    while end > start and marks[end - 1].is_symbol(";"):
        end -= 1
    return marks[start:end]


def _marks(scanner: re.Pattern[str], statement: str) -> Iterator[Mark]:
    at = 0
    while at < len(statement):
        found = scanner.match(statement, at)
        if found is None or found.lastgroup is None:
            raise AssertionError("the last alternative matches any character")
        group, start, at = found.lastgroup, at, found.end()
        if group == "comment":
            at = end_of_comment(statement, start)
        elif group == "quote":
            close = statement.find(found[0], at)
            end, at = (close, close + len(found[0])) if close >= 0 else (len(statement),) * 2
            yield Mark(Sort.STRING, statement[found.end() : end], start)
        elif group != "space":
            yield Mark(_SORTS[group], _text(_SORTS[group], found[0]), start)


def _text(sort: Sort, written: str) -> str:
    if sort is Sort.WORD:
        return written.lower()
    if sort in (Sort.NAME, Sort.STRING):
        return written[1:-1]
    return written
