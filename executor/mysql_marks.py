r"""The words and names of a MySQL statement, for the guard: a quick list, and an exact one; pure.

As `executor/guard_words.py` for the other engines. What the servers' scanner does its own way:

- A name may begin with digits (`2fa`), and directly behind a name and a dot any word is a name,
  reserved or not (`t.into`); behind a space it is a keyword again.
- A number ends where it must: `1e5into` and `1.into` are a number and INTO, and so is `\NINTO`
  NULL and INTO. Servers of old swallow `1.e` before a symbol without a word. No such number passes.
- `@a.into` is one variable.
- Functions may be written in backticks, and MySQL finds them by a collation in which accents do not
  count.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from executor.guard_words import Mark, Sort
from executor.mysql_lexer import NAME, SPACE, STRING, WORD_LETTER
from executor.spelling import IN_WORD, LETTER, LETTER_OR_DIGIT

_SPELLED: Final = re.compile(
    rf"(?>(?:(?<=[0-9.])[eE][0-9]++|\\[nN])?)({LETTER}{LETTER_OR_DIGIT}*+)"
)
_MARK: Final = re.compile(
    rf"""
    (?P<space> (?>(?: {SPACE} )+) )
  | (?P<string> {STRING} )
  | (?P<name> {NAME} )
  | (?P<attribute> (?<={IN_WORD})\.{IN_WORD}++ | (?<=`)\.(?![0-9]){IN_WORD}++ )
  | (?P<word> (?>(?: [0-9]++ (?! [eE][+-]?[0-9] ) )?) {WORD_LETTER}{IN_WORD}*+ )
  | (?P<number> (?> (?: [0-9]++ (?:\.[0-9]*+)? | \.[0-9]++ ) (?:[eE][+-]?[0-9]++)? )
                (?! {WORD_LETTER} ) | \\N )
  | (?P<glued_number> \.?[0-9] )
  | (?P<parameter> :{LETTER}{LETTER_OR_DIGIT}*+ | @(?!@)[A-Za-z0-9_.$\u0080-\U0010ffff]*+ )
  | (?P<symbol> @@|:=|. )
    """,
    re.VERBOSE | re.DOTALL,
)
# Accents, the Kelvin sign and its like, and wide letters.
_LATIN: Final = re.compile(r"[\u0080-\u024f\u1e00-\u1eff\u2100-\u214f\uff00-\uffef]")
_ODD_MAX: Final = 1_000
"""Comparing more of them would keep the interpreter for over 0.1 s."""
_SORTS: Final = {sort.name.lower(): sort for sort in Sort}


def spelled(statement: str) -> list[str]:
    """Return all words that stand anywhere in *statement*, in small letters: too many, never less.

    Letters outside of ASCII stay as they are: servers have their own idea of which are the same.
    """
    return _SPELLED.findall(_in_small_letters(statement))


def marks(statement: str) -> Iterator[Mark]:
    """Yield the tokens of *statement* as the servers' scanner finds them."""
    at = 0
    while at < len(statement):
        found = _MARK.match(statement, at)
        if found is None or found.lastgroup is None:
            raise AssertionError("the last alternative matches any character")
        group, start, at = found.lastgroup, at, found.end()
        if group == "attribute":
            yield Mark(Sort.SYMBOL, ".", start)
            yield Mark(Sort.NAME, _in_small_letters(found[0][1:]), start + 1)
        elif group != "space":
            yield Mark(_SORTS[group], _text(_SORTS[group], found[0]), start)


def name_among(name: str, names: Iterable[str]) -> str | None:
    """Return which of *names* a server may take *name* for; both in small letters.

    A Latin letter outside of ASCII may count for any, whichever its collation says.
    """
    if name.isascii():
        return name if name in names else None
    return next((one for one in names if len(one) == len(name) and _may_be(name, one)), None)


def may_be_in_disguise(words: Iterable[str], names: Iterable[str]) -> bool:
    """Return whether one of *words* may be one of *names*, but with a letter outside of ASCII."""
    lengths = {len(name) for name in names}
    odd = {word for word in words if not word.isascii() and len(word) in lengths}
    return len(odd) > _ODD_MAX or any(name_among(word, names) for word in odd)


def _may_be(name: str, one: str) -> bool:
    return all(a == b or _LATIN.match(a) for a, b in zip(name, one, strict=True))


def _text(sort: Sort, written: str) -> str:
    if sort is Sort.WORD:
        return _in_small_letters(written)
    if sort in (Sort.NAME, Sort.STRING):
        return _in_small_letters(written[1:-1])
    return written


def _in_small_letters(text: str) -> str:
    return text.encode().lower().decode()
