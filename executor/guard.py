"""Refuse what cannot work as one statement in a transaction of its own, and what is the operator's.

What holds a read-only lease is the server's READ ONLY transaction; this is for helpful sentences,
and for the few statements that would take the connection out of our hands. Credentials and the
server's files are refused by a net, not by a wall: a DO block or a function gets through it, and
only a database role that may do none of it holds. Pure.
"""

from typing import Final

from executor.lexer import first_words
from wire.faults import Fault, FaultCode

_TRANSACTION: Final = (
    "Each call runs one statement in a transaction of its own, which is committed when the "
    "statement works. Leave out transaction control."
)
_LISTEN: Final = "Nothing would hear the notifications: a connection is reset after each statement."
_COPY: Final = (
    "COPY is not possible here: nothing streams to or from the client, and the server's files and "
    "programs are the operator's. Use INSERT with params, or SELECT."
)
_OPERATORS: Final = (
    "Credentials, and the servers and labels that go with them, are the operator's. "
    "Ask the operator to change them."
)
_EMPTY: Final = "The statement is empty."
_CHANGES: Final = ("CREATE", "ALTER", "DROP")
_OPERATORS_THINGS: Final = ("ROLE", "USER", "GROUP", "SERVER", "SUBSCRIPTION")

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
    ("COPY",): _COPY,
    # CREATE USER is a role as well, and CREATE USER MAPPING has a password like it.
    **{(verb, what): _OPERATORS for verb in _CHANGES for what in _OPERATORS_THINGS},
    ("SECURITY", "LABEL"): _OPERATORS,
}
_LONGEST: Final = max(map(len, _REFUSED))


def refuse(statement: str) -> Fault | None:
    """Return why *statement* is refused, or None."""
    words = first_words(statement, _LONGEST)
    if words is None:
        return _refused(_EMPTY)
    for length in range(1, len(words) + 1):
        sentence = _REFUSED.get(words[:length])
        if sentence is not None:
            return _refused(sentence)
    return None


def _refused(sentence: str) -> Fault:
    return Fault(code=FaultCode.STATEMENT_REFUSED, message=sentence)
