"""SQLite's scanner once more, one token at a time: what the executor's lexer is compared with.

It is slow, and simple enough to be read beside sqlite3GetToken of tokenize.c.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

SPACES: Final = " \t\n\f\r\v"
MARK: Final = "\ufeff"
STARTS: Final = "?@$#:"


class Token(NamedTuple):
    """One token that is neither space nor comment, and its place in characters."""

    start: int
    end: int
    is_word: bool = False


def tokens(statement: str) -> Iterator[Token]:
    """Yield the tokens of *statement* in order."""
    at = 0
    while at < len(statement):
        start, symbol, two = at, statement[at], statement[at : at + 2]
        if two in ("--", "/*"):
            at = _past(statement, "\n" if two == "--" else "*/", start + 2)
        elif symbol in SPACES or symbol == MARK:
            at += 1
        else:
            at = _end(statement, symbol, start + 1)
            is_word = _in_name(symbol) and symbol not in "$0123456789"
            yield Token(start, at, is_word)


def _end(statement: str, symbol: str, at: int) -> int:
    if symbol in "'\"`":
        return _end_of_quoted(statement, symbol, at)
    if symbol == "[":
        return _past(statement, "]", at)
    if symbol in STARTS or _in_name(symbol):
        while at < len(statement) and _in_name(statement[at]):
            at += 1
    return at


def _past(statement: str, close: str, start: int) -> int:
    found = statement.find(close, start)
    return len(statement) if found < 0 else found + len(close)


def _end_of_quoted(statement: str, quote: str, at: int) -> int:
    while at < len(statement):
        if statement.startswith(quote * 2, at):
            at += 2
        elif statement[at] == quote:
            return at + 1
        else:
            at += 1
    return at


def _in_name(symbol: str) -> bool:
    return symbol > "\x7f" or symbol.isalnum() or symbol in "_$"
