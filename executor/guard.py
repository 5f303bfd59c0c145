"""Refuse what cannot work as one statement of its own, what is the operator's, and writes.

On a read-only lease only what reads is let through, by closed lists of statements and functions.
The engine's own read-only transaction holds such a lease as well; either is enough against the SQL
of a client, so that a mistake in one is no hole. A function that somebody else wrote is held by the
engine alone, and what it does elsewhere by neither.

On a read-write lease this is for helpful sentences, and for what would take the connection out of
our hands. Credentials and the server's files are refused by a net there, not by a wall: a DO block
or a function gets through it, and only a database role that may do none of it holds. Pure.
"""

from typing import Final

from executor import guard_mysql, guard_mysql_reads, guard_postgresql, guard_sqlite
from executor.dialects import MYSQL, SQLITE, Dialect
from executor.guard_words import Trouble
from wire.faults import SENTENCES, Fault, FaultCode

_TRANSACTION: Final = (
    "Each call runs one statement in a transaction of its own, which is committed when the "
    "statement works. Leave out transaction control, and put changes that belong together into one "
    "statement."
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
_NO_WRITE: Final = "Mend the statement; no other connection would run it either."
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
_WORDS_MAX: Final = 4
"""Enough for each of these, and for `EXPLAIN QUERY PLAN` and a verb."""


def refuse(statement: str, *, dialect: Dialect, read_only: bool) -> Fault | None:
    """Return why *statement* is refused, or None.

    Raises RefusedError where it cannot be read to its end.
    """
    words = dialect.first_words(statement, _WORDS_MAX)
    if words is None:
        return _refused(_EMPTY)
    if dialect is SQLITE:
        return _refuse_on_sqlite(statement, words, read_only=read_only)
    if dialect is MYSQL:
        return _refuse_on_mysql(statement, words, read_only=read_only)
    for length in range(1, len(words) + 1):
        sentence = _REFUSED.get(words[:length])
        if sentence is not None:
            return _refused(sentence)
    return _read_only(guard_postgresql.find_trouble(statement, words)) if read_only else None


def _refuse_on_sqlite(statement: str, words: tuple[str, ...], *, read_only: bool) -> Fault | None:
    verb = guard_sqlite.verb_among(words)
    if verb in guard_sqlite.TRANSACTION_VERBS:
        return _refused(_TRANSACTION)
    operators = guard_sqlite.find_operators(statement, verb)
    if operators is not None:
        return _refused(f"{operators.what}.", operators.position)
    if verb == "PRAGMA":
        trouble = guard_sqlite.find_in_pragma(statement, read_only=read_only)
        return None if trouble is None else _refused(trouble.what)
    return _read_only(guard_sqlite.find_trouble(statement, verb)) if read_only else None


def _refuse_on_mysql(statement: str, words: tuple[str, ...], *, read_only: bool) -> Fault | None:
    if guard_mysql.is_transaction_control(statement, words):
        return _refused(_TRANSACTION)
    trouble = guard_mysql.find_always(statement, words)
    if trouble is not None:
        return _refused(f"{trouble.what}.", trouble.position)
    return _read_only(guard_mysql_reads.find_trouble(statement, words)) if read_only else None


def _read_only(trouble: Trouble | None) -> Fault | None:
    if trouble is None:
        return None
    sentence = f"{SENTENCES[FaultCode.READ_ONLY]}: {trouble.what}"
    hint = None if trouble.may_write else _NO_WRITE
    return Fault(code=FaultCode.READ_ONLY, message=sentence, position=trouble.position, hint=hint)


def _refused(sentence: str, position: int | None = None) -> Fault:
    return Fault(code=FaultCode.STATEMENT_REFUSED, message=sentence, position=position)
