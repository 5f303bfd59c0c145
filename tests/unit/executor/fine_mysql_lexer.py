"""MySQL's scanner once more, one token at a time: what the executor's lexers are compared with.

It is slow, and simple enough to be read beside lex_one_token of sql_lex.cc.
"""

from collections.abc import Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

SPACES: Final = " \t\n\r\f\v"
CONTROLS: Final = "".join(map(chr, [*range(33), 127]))
DIGITS: Final = "0123456789"


class Kind(Enum):
    SPACE = auto()
    COMMENT = auto()
    STRING = auto()
    QUOTED_NAME = auto()
    WORD = auto()
    NUMBER = auto()
    PARAMETER = auto()
    SYMBOL = auto()
    EXECUTABLE = auto()
    """The beginning of a comment that a server may run, or of a hint that is read in two ways."""


class Token(NamedTuple):
    """One token, and its place in characters."""

    kind: Kind
    start: int
    end: int


def tokens(statement: str) -> Iterator[Token]:
    """Yield the tokens of *statement* in order, without a gap."""
    at = 0
    while at < len(statement):
        kind, end = _next(statement, at)
        yield Token(kind, at, end)
        at = end


def _next(statement: str, at: int) -> tuple[Kind, int]:
    symbol = statement[at]
    if symbol in SPACES:
        return Kind.SPACE, at + 1
    if symbol == "#" or _is_dashes(statement, at):
        return Kind.COMMENT, _past(statement, "\n", at, keeps=True)
    if statement.startswith("/*", at):
        return _comment(statement, at)
    if symbol in "'\"`":
        kind = Kind.QUOTED_NAME if symbol == "`" else Kind.STRING
        return kind, _end_of_quoted(statement, symbol, at + 1)
    return _unquoted(statement, at)


def _unquoted(statement: str, at: int) -> tuple[Kind, int]:
    symbol = statement[at]
    if symbol == ":" and _begins_name(statement, at + 1):
        return Kind.PARAMETER, _end_of_word(statement, at + 1, dollars=False)
    if _in_name(symbol):
        kind = Kind.NUMBER if symbol in DIGITS else Kind.WORD
        return kind, _end_of_word(statement, at, dollars=True)
    return Kind.SYMBOL, at + 1


def _is_dashes(statement: str, at: int) -> bool:
    after = statement[at + 2 : at + 3]
    return statement.startswith("--", at) and (not after or after in CONTROLS)


def _comment(statement: str, at: int) -> tuple[Kind, int]:
    third, fourth = statement[at + 2 : at + 3], statement[at + 3 : at + 4]
    if third == "!" or (third in ("m", "M") and fourth == "!"):
        return Kind.EXECUTABLE, at + 2
    end = _past(statement, "*/", at + 2)
    if third == "+" and not _is_plain_hint(statement[at + 3 : end]):
        return Kind.EXECUTABLE, at + 2
    return Kind.COMMENT, end


def _is_plain_hint(text: str) -> bool:
    quote = ""
    for symbol in text.removesuffix("*/"):
        if quote and (symbol == "*" or (symbol == "\\" and quote != "`")):
            return False
        if symbol == quote:
            quote = ""
        elif not quote and symbol in "'\"`":
            quote = symbol
    return not quote and text.endswith("*/")


def _past(statement: str, close: str, start: int, *, keeps: bool = False) -> int:
    found = statement.find(close, start)
    return len(statement) if found < 0 else found + (0 if keeps else len(close))


def _end_of_quoted(statement: str, quote: str, at: int) -> int:
    while at < len(statement):
        if statement.startswith(quote * 2, at) or (statement[at] == "\\" and quote != "`"):
            at += 2
        elif statement[at] == quote:
            return at + 1
        else:
            at += 1
    return len(statement)


def _end_of_word(statement: str, at: int, *, dollars: bool) -> int:
    while at < len(statement) and _in_name(statement[at]) and (dollars or statement[at] != "$"):
        at += 1
    return at


def _begins_name(statement: str, at: int) -> bool:
    symbol = statement[at : at + 1]
    return bool(symbol) and _in_name(symbol) and symbol not in DIGITS + "$"


def _in_name(symbol: str) -> bool:
    return symbol > "\x7f" or symbol.isalnum() or symbol in "_$"
