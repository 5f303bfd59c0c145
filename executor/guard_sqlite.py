"""What a lease does not run on SQLite, by its words; pure.

Grammar is on our side: INSERT, UPDATE, DELETE and INTO are reserved, so as bare words they are
verbs, and WITH can hold none of them but in front of its main statement. PRAGMA is many things,
some of which happen while a statement is only compiled, behind EXPLAIN too: those on the lists run,
and no other. Files and code that a statement would load are the operator's, on any lease.
"""

from itertools import dropwhile, islice
from typing import Final

from executor.guard_names import SQLITE_OPERATORS, SQLITE_WRITES
from executor.guard_words import (
    MARKS_MAX,
    Mark,
    Sort,
    Trouble,
    mark_at,
    spelled,
    sqlite_marks,
    without_semicolons,
    words_of,
)

_QUERIES: Final = frozenset({"SELECT", "VALUES", "WITH"})
_OPERATORS_VERBS: Final = frozenset({"ATTACH", "DETACH", "VACUUM"})
TRANSACTION_VERBS: Final = frozenset({"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"})
_VERBS: Final = frozenset({"insert", "update", "delete", "into"})
_WRITING_VERBS: Final = frozenset(
    {"INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER", "REINDEX", "ANALYZE"}
)
_NAMES: Final = frozenset({Sort.WORD, Sort.NAME, Sort.STRING})
_SUSPICIOUS: Final = _VERBS | SQLITE_OPERATORS.keys() | SQLITE_WRITES.keys()

# The authorizer has lists of its own: each of the two fences holds alone, and a test compares them.
_READERS_OF: Final = words_of("""
    table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list
    foreign_key_check integrity_check quick_check
""")
"""PRAGMAs that may have an argument."""
_READERS: Final = _READERS_OF | words_of("""
    application_id auto_vacuum collation_list compile_options data_version encoding foreign_keys
    freelist_count function_list journal_mode module_list page_count page_size pragma_list
    query_only schema_version user_version
""")
_WRITERS: Final = frozenset({"application_id", "user_version"})
"""PRAGMAs that a read-write lease may give a value."""
_PARTS_MAX: Final = 8
"""`PRAGMA a.b(-c)` has 7 parts after its first word."""


def verb_among(words: tuple[str, ...]) -> str:
    """Return the first of *words* that is not EXPLAIN or QUERY PLAN; nothing if there is none."""
    if words[:3] == ("EXPLAIN", "QUERY", "PLAN"):
        words = words[3:]
    elif words[:1] == ("EXPLAIN",):
        words = words[1:]
    return words[0] if words else ""


def find_operators(statement: str, verb: str) -> Trouble | None:
    """Return what of *statement* is the operator's on any lease, or None."""
    if verb in _OPERATORS_VERBS:
        return Trouble("ATTACH, DETACH and VACUUM are the operator's: they open and write files")
    if SQLITE_OPERATORS.keys().isdisjoint(spelled(statement)):
        return None
    marks = _some_marks(statement)
    return _too_long(marks) or _named(marks, SQLITE_OPERATORS)


def find_in_pragma(statement: str, *, read_only: bool) -> Trouble | None:
    """Return why *statement*, a PRAGMA, does not run, or None."""
    begun = dropwhile(lambda mark: not mark.is_word("pragma"), sqlite_marks(statement))
    marks = without_semicolons(list(islice(begun, 1, _PARTS_MAX + 2)))
    if mark_at(marks, 1).is_symbol("."):
        marks = marks[2:]
    name, has_argument = mark_at(marks, 0).text.lower(), len(marks) > 1
    allowed = _READERS_OF if has_argument else _READERS
    if has_argument and not read_only:
        allowed |= _WRITERS
    is_one = len(marks) <= _PARTS_MAX and not any(mark.is_symbol(";") for mark in marks)
    if is_one and name in allowed:
        return None
    readers = ", ".join(sorted(_READERS))
    return Trouble(f"Of PRAGMA, only what reads is possible here: {readers}.")


def find_trouble(statement: str, verb: str) -> Trouble | None:
    """Return what *statement* does besides reading, or None; it is no PRAGMA."""
    if verb not in _QUERIES:
        return Trouble(
            "only SELECT, VALUES, WITH, and EXPLAIN of these run here, and PRAGMAs that read",
            may_write=verb in _WRITING_VERBS,
        )
    is_one = ";" not in statement.rstrip("; \t\n\r")
    if is_one and _SUSPICIOUS.isdisjoint(spelled(statement)):
        return None
    marks = _some_marks(statement)
    return _too_long(marks) or _trouble_among(without_semicolons(marks))


def _trouble_among(marks: list[Mark]) -> Trouble | None:
    for mark in marks:
        if mark.is_symbol(";"):
            return Trouble("it takes one statement per call", mark.start + 1, may_write=False)
        if mark.sort is Sort.WORD and mark.text in _VERBS:
            return Trouble(f"{mark.text.upper()} changes data", mark.start + 1)
    return _named(marks, SQLITE_WRITES)


def _named(marks: list[Mark], names: dict[str, str]) -> Trouble | None:
    # SQLite takes a string for a name where no string can stand.
    for mark in marks:
        does = names.get(mark.text.lower()) if mark.sort in _NAMES else None
        if does is not None:
            return Trouble(f"{mark.text.lower()} {does}", mark.start + 1)
    return None


def _too_long(marks: list[Mark]) -> Trouble | None:
    if len(marks) <= MARKS_MAX:
        return None
    return Trouble(
        f"a statement with more than {MARKS_MAX} words and symbols, and one that can do more than "
        "read, is not checked; send long lists as one JSON parameter"
    )


def _some_marks(statement: str) -> list[Mark]:
    return list(islice(sqlite_marks(statement), MARKS_MAX + 1))
