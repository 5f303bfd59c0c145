"""What no lease runs on MySQL and MariaDB; pure.

SQL that stands in a string (PREPARE, EXECUTE IMMEDIATE), in a routine or behind a view gets through
to a read-write lease: this is a net and not a wall. USE and SET run there too, for the reset takes
back what they did.
"""

from itertools import islice
from typing import Final

from executor.guard_names import MYSQL_FILES, MYSQL_GRANT_TABLES
from executor.guard_words import MARKS_MAX, Mark, Sort, Trouble, mark_at, words_of
from executor.mysql_lexer import may_be_several, start_of_second
from executor.mysql_marks import marks

_TRANSACTION_VERBS: Final = frozenset({"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "XA"})
# COMPLETION_TYPE makes a COMMIT end the connection, or begin the next transaction.
_TRANSACTION_SETTINGS: Final = words_of("autocommit completion_type transaction")
_LOCKED: Final = "Locks would not outlast this statement: a connection is reset after each"
_CREDENTIALS: Final = (
    "Accounts, roles, what they may do, plugins, servers and replication are the operator's; "
    "ask the operator to change or to show them"
)
_FILES: Final = (
    "The server's files are the operator's, and nothing streams to or from the client; "
    "use INSERT with params, or SELECT"
)
_SET_STATEMENT: Final = "SET STATEMENT is not possible here; send the statement by itself"
_DELIMITER: Final = "DELIMITER is a command of the mysql program; send each statement by itself"
_SEVERAL: Final = "Each call takes one statement"
_GLUED: Final = "A number runs into a word; put a space between them"

_CHANGES: Final = frozenset({"CREATE", "ALTER", "DROP", "RENAME"})
_OPERATORS_THINGS: Final = frozenset({"USER", "ROLE", "SERVER"})
_REPLICATION_VERBS: Final = frozenset({"START", "STOP", "RESET"})
_REFUSED: Final[dict[tuple[str, ...], str]] = {
    ("LOCK",): _LOCKED,
    ("UNLOCK",): _LOCKED,
    ("BACKUP",): _LOCKED,
    ("LOAD",): _FILES,
    ("DELIMITER",): _DELIMITER,
    ("SET", "STATEMENT"): _SET_STATEMENT,
    ("SET", "DEFAULT", "ROLE"): _CREDENTIALS,
    # It makes an account where there is none; MariaDB's shows a password's hash.
    ("GRANT",): _CREDENTIALS,
    ("REVOKE",): _CREDENTIALS,
    ("INSTALL",): _CREDENTIALS,
    ("UNINSTALL",): _CREDENTIALS,
    ("SHOW", "GRANTS"): _CREDENTIALS,
    **{("SHOW", "CREATE", what): _CREDENTIALS for what in _OPERATORS_THINGS},
    **{(verb, what): _CREDENTIALS for verb in _CHANGES for what in _OPERATORS_THINGS},
    **{("CREATE", "OR", "REPLACE", what): _CREDENTIALS for what in _OPERATORS_THINGS},
    ("CHANGE",): _CREDENTIALS,
    ("CLONE",): _CREDENTIALS,
    **{
        (verb, what): _CREDENTIALS
        for verb in _REPLICATION_VERBS
        for what in ("SLAVE", "REPLICA", "ALL", "GROUP_REPLICATION")
    },
}
_ROUTINES: Final = words_of("procedure function trigger event package")
_BEFORE_ROUTINES_MAX: Final = 40
"""Marks; a definer and IF NOT EXISTS take fifteen."""
_NAMES: Final = frozenset({Sort.WORD, Sort.NAME})


def is_transaction_control(statement: str, words: tuple[str, ...]) -> bool:
    """Return whether *statement* begins or ends a transaction, or sets how that is done."""
    if words[:1] == ("SET",):
        return any(
            mark.sort in _NAMES and mark.text in _TRANSACTION_SETTINGS
            for mark in _some_marks(statement)
        )
    return words[:2] == ("START", "TRANSACTION") or not _TRANSACTION_VERBS.isdisjoint(words[:1])


def find_always(statement: str, words: tuple[str, ...]) -> Trouble | None:
    """Return what keeps *statement* from any lease, but for transaction control; or None.

    Raises RefusedError for an executable comment, and where there is too much to read.
    """
    if may_be_several(statement):
        second = start_of_second(statement)
        if second is not None and not _defines_routine(statement, words):
            return Trouble(_SEVERAL, second + 1)
    for length in range(1, len(words) + 1):
        sentence = _REFUSED.get(words[:length])
        if sentence is not None:
            return Trouble(sentence)
    if words[:1] in (("SET",), ("FLUSH",)):
        return _find_in_order(statement, words[0])
    return _find_by_name(statement)


def _defines_routine(statement: str, words: tuple[str, ...]) -> bool:
    # The server takes no second statement either: what else stands there is part of a body.
    if words[:1] not in (("CREATE",), ("ALTER",)):
        return False
    begins = islice(marks(statement), _BEFORE_ROUTINES_MAX)
    return any(mark.sort is Sort.WORD and mark.text in _ROUTINES for mark in begins)


def _find_in_order(statement: str, verb: str) -> Trouble | None:
    found = _some_marks(statement)
    if len(found) > MARKS_MAX:
        return _too_long()
    for index, mark in enumerate(found):
        if verb == "FLUSH" and (mark.is_word("lock") or mark.is_word("export")):
            return Trouble(_LOCKED, mark.start + 1)
        # PASSWORD('x') is a function, and what it returns is nobody's password yet.
        if (
            verb == "SET"
            and mark.is_word("password")
            and not mark_at(found, index + 1).is_symbol("(")
        ):
            return Trouble(_CREDENTIALS, mark.start + 1)
    return _find_by_name(statement)


def _find_by_name(statement: str) -> Trouble | None:
    written = statement.lower()
    has_files = any(word in written for word in MYSQL_FILES)
    has_tables = "mysql" in written and any(word in written for word in MYSQL_GRANT_TABLES)
    if not has_files and not has_tables:
        return None
    found = _some_marks(statement)
    if len(found) > MARKS_MAX:
        return _too_long()
    for index, mark in enumerate(found):
        sentence = _sentence_on(found, index)
        if sentence is not None:
            return Trouble(sentence, mark.start + 1)
    return None


def _sentence_on(found: list[Mark], index: int) -> str | None:
    mark, after = found[index], mark_at(found, index + 1)
    if mark.sort is Sort.GLUED_NUMBER:
        return _GLUED
    if mark.sort not in _NAMES:
        return None
    if mark.text in MYSQL_FILES:
        is_used = after.is_symbol("(") or mark_at(found, index - 1).is_word("into")
        return _FILES if is_used else None
    if mark.text == "mysql" and after.is_symbol("."):
        table = mark_at(found, index + 2)
        return _CREDENTIALS if table.text in MYSQL_GRANT_TABLES else None
    return None


def _too_long() -> Trouble:
    return Trouble(
        f"A statement with more than {MARKS_MAX} words and symbols, and a name that may be the "
        "operator's, is not checked; send long lists as one JSON parameter"
    )


def _some_marks(statement: str) -> list[Mark]:
    return list(islice(marks(statement), MARKS_MAX + 1))
