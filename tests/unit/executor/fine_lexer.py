"""The server's scanner once more, one character at a time: what our readers are compared with.

It is slow, and simple enough to be read beside scan.l: no runs, no limits, and no pattern of ours,
or it would share our mistakes.
"""

from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

SPACES: Final = " \t\n\r\f\v"
BREAKS: Final = "\n\r"


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


def tokens(statement: str) -> Iterator[Token]:
    """Yield the tokens of *statement* in order."""
    at = 0
    while at < len(statement):
        start, two = at, statement[at : at + 2]
        if statement[at] in SPACES:
            at += 1
        elif two == "--":
            at = _end_of_line(statement, at)
        elif two == "/*":
            at = _end_of_comment(statement, at)
        else:
            kind, at = _token(statement, at)
            yield Token(kind, start, at)


def _token(statement: str, at: int) -> tuple[Kind, int]:
    symbol, after = statement[at], statement[at + 1 : at + 2]
    if _is_letter(symbol) and not (symbol in "eE" and after == "'"):
        return Kind.WORD, _run(statement, at, _is_in_word)
    if _is_digit(symbol) or (symbol == "." and _is_digit(after)):
        return Kind.NUMBER, _run(statement, at, _is_in_number)
    if symbol == ":" and _is_letter(after):
        return Kind.PARAMETER, _run(statement, at + 1, _is_in_name)
    if symbol == "$":
        return _dollar(statement, at)
    return _quoted_or_symbol(statement, at)


def _dollar(statement: str, at: int) -> tuple[Kind, int]:
    end = at + 1
    if _is_digit(statement[end : end + 1]):
        return Kind.POSITIONAL, _run(statement, end, _is_digit)
    if _is_letter(statement[end : end + 1]):
        end = _run(statement, end, _is_in_name)
    if statement[end : end + 1] != "$":
        return Kind.SYMBOL, at + 1
    quote = statement[at : end + 1]
    close = statement.find(quote, end + 1)
    return Kind.STRING, len(statement) if close < 0 else close + len(quote)


def _quoted_or_symbol(statement: str, at: int) -> tuple[Kind, int]:
    symbol = statement[at]
    if symbol == '"':
        return Kind.QUOTED_NAME, _end_of_quoted(statement, at + 1, '"')
    if symbol == "'":
        return Kind.STRING, _end_of_string(statement, at + 1, has_escapes=False)
    if symbol in "eE":
        return Kind.STRING, _end_of_string(statement, at + 2, has_escapes=True)
    return Kind.SYMBOL, at + (2 if statement[at : at + 2] in ("::", ":=") else 1)


def _end_of_string(statement: str, at: int, *, has_escapes: bool) -> int:
    while True:
        end = _end_of_quoted(statement, at, "'", has_escapes=has_escapes)
        opening = _end_of_gap(statement, end)
        if opening is None:
            return end
        at = opening + 1


def _end_of_gap(statement: str, at: int) -> int | None:
    """Return where the string goes on whose part ended at *at*: after a line break, if at all."""
    has_break = False
    while statement.startswith(("--", *SPACES), at):
        has_break = has_break or statement[at] in BREAKS
        at = _end_of_line(statement, at) if statement[at] == "-" else at + 1
    return at if has_break and statement.startswith("'", at) else None


def _end_of_quoted(statement: str, at: int, quote: str, *, has_escapes: bool = False) -> int:
    while at < len(statement):
        if has_escapes and statement[at] == "\\":
            at += 2
        elif statement[at] != quote:
            at += 1
        elif statement.startswith(quote, at + 1):
            at += 2
        else:
            return at + 1
    return len(statement)


def _end_of_line(statement: str, at: int) -> int:
    return _run(statement, at, lambda symbol: symbol not in BREAKS)


def _end_of_comment(statement: str, at: int) -> int:
    depth = 0
    while at < len(statement):
        two = statement[at : at + 2]
        depth += {"/*": 1, "*/": -1}.get(two, 0)
        at += 2 if two in ("/*", "*/") else 1
        if depth == 0:
            break
    return at


def _run(statement: str, at: int, belongs: Callable[[str], bool]) -> int:
    while at < len(statement) and belongs(statement[at]):
        at += 1
    return at


def _is_letter(symbol: str) -> bool:
    return symbol > "\x7f" or symbol.isalpha() or symbol == "_"


def _is_digit(symbol: str) -> bool:
    return symbol.isascii() and symbol.isdigit()


def _is_in_name(symbol: str) -> bool:
    return _is_letter(symbol) or _is_digit(symbol)


def _is_in_word(symbol: str) -> bool:
    return _is_in_name(symbol) or symbol == "$"


def _is_in_number(symbol: str) -> bool:
    return symbol.isascii() and (symbol.isalnum() or symbol in "_.")
