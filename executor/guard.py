"""Refuse what cannot work as one statement in a transaction of its own; pure.

What holds a read-only lease is the server's READ ONLY transaction; this is for helpful sentences,
and for the few statements that would take the connection out of our hands.
"""

from itertools import islice
from typing import Final

from executor.lexer import Kind, tokens
from wire.faults import Fault, FaultCode

_TRANSACTION: Final = (
    "Each call runs one statement in a transaction of its own, which is committed when the "
    "statement works. Leave out transaction control."
)
_LISTEN: Final = "Nothing would hear the notifications: a connection is reset after each statement."
_COPY: Final = "COPY from or to the client is not possible here. Use INSERT with params, or SELECT."
_EMPTY: Final = "The statement is empty."

_REFUSED: Final[dict[tuple[str, ...], str]] = {
    ("BEGIN",): _TRANSACTION,
    ("START", "TRANSACTION"): _TRANSACTION,
    ("COMMIT",): _TRANSACTION,
    ("END",): _TRANSACTION,
    ("ROLLBACK",): _TRANSACTION,
    ("ABORT",): _TRANSACTION,
    ("SAVEPOINT",): _TRANSACTION,
    ("RELEASE",): _TRANSACTION,
    ("PREPARE", "TRANSACTION"): _TRANSACTION,
    ("SET", "TRANSACTION"): _TRANSACTION,
    ("SET", "SESSION", "CHARACTERISTICS"): _TRANSACTION,
    ("LISTEN",): _LISTEN,
}
_LONGEST: Final = max(map(len, _REFUSED))


def refuse(statement: str) -> Fault | None:
    """Return why *statement* is refused, or None."""
    words = _first_words(statement)
    if words is None:
        return _refused(_EMPTY)
    for length in range(1, len(words) + 1):
        sentence = _REFUSED.get(words[:length])
        if sentence is not None:
            return _refused(sentence)
    if words[:1] == ("COPY",) and _copies_through_the_client(statement):
        return _refused(_COPY)
    return None


def _first_words(statement: str) -> tuple[str, ...] | None:
    """Return the words that it begins with, in capitals; None when there is nothing at all."""
    solid = (t for t in tokens(statement) if statement[t.start : t.end] != ";")
    first = list(islice(solid, _LONGEST))
    if not first:
        return None
    words = []
    for token in first:
        if token.kind is not Kind.WORD:
            break
        words.append(statement[token.start : token.end].upper())
    return tuple(words)


def _copies_through_the_client(statement: str) -> bool:
    return any(
        token.kind is Kind.WORD
        and statement[token.start : token.end].upper() in ("STDIN", "STDOUT")
        for token in tokens(statement)
    )


def _refused(sentence: str) -> Fault:
    return Fault(code=FaultCode.STATEMENT_REFUSED, message=sentence)
