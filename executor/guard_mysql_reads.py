"""What a read-only lease does not run on MySQL and MariaDB, by grammar and by name; pure.

A query can do more than read in these ways only, and each shows itself in the statement's words:

- INTO, UPDATE, DELETE and LOCK, which are reserved: they are verbs wherever they stand without
  quotes, but directly behind a name's dot. INSERT and REPLACE are reserved too, and functions where
  a bracket follows.
- FOR SHARE; NEXT VALUE FOR, which moves a sequence; PROCEDURE, behind a query.
- `:=`, which sets a variable.
- A function with effects, called as `f(x)`, in backticks or not.

Anything that is not a query, or shows something that is on a list, is refused by its first words.
What a stored function does is held by the engine's transaction alone.
"""

from itertools import islice
from typing import Final

from executor.guard_names import MYSQL_FUNCTIONS
from executor.guard_words import (
    MARKS_MAX,
    Mark,
    Sort,
    Trouble,
    mark_at,
    without_semicolons,
    words_of,
)
from executor.mysql_marks import marks as marks_of
from executor.mysql_marks import may_be_in_disguise, name_among, spelled

_QUERIES: Final = words_of("select values table with")
_PLAIN: Final = frozenset((word.upper(),) for word in _QUERIES)
_DOES: Final = {
    "into": "INTO writes to a table, a file or a variable",
    "update": "UPDATE changes data",
    "delete": "DELETE changes data",
    "insert": "INSERT changes data",
    "replace": "REPLACE changes data",
    "lock": "LOCK IN SHARE MODE locks rows",
    "share": "FOR SHARE locks rows",
    "procedure": "PROCEDURE does not run behind a query",
    "next": "NEXT VALUE FOR changes the database",
}
_SUSPICIOUS: Final = _DOES.keys() | MYSQL_FUNCTIONS.keys()
_EXPLAINS: Final = words_of("explain describe desc analyze")
_EXPLAIN_WORDS: Final = words_of("extended partitions analyze")
_SHOW_MORE: Final = words_of("full extended global session local")
_SHOWN: Final = words_of("""
    databases schemas tables columns fields index indexes keys variables status warnings errors
    engines collation charset triggers events plugins privileges processlist count
""")
_CREATED: Final = words_of("""
    table view database schema sequence procedure function trigger event package
""")
_SHOWN_BY_TWO: Final = frozenset(
    {
        *[("table", "status"), ("open", "tables"), ("storage", "engines"), ("character", "set")],
        *[("procedure", "status"), ("function", "status"), ("package", "status")],
        *(("create", what) for what in _CREATED),
    }
)
_DESCRIBED: Final = frozenset({Sort.WORD, Sort.NAME, Sort.STRING})
_COMMANDS: Final = words_of("""
    alter binlog cache call check checksum create deallocate delete do drop execute flush handler
    import insert install kill optimize prepare purge rename repair replace reset restart revoke set
    shutdown signal truncate uninstall update use
""")
"""All others that a read-write lease runs, to be named; what a client made up is not repeated."""
_GLUED: Final = "a number runs into a word; put a space between them"
_RUN_HERE: Final = (
    "only SELECT, VALUES, TABLE, WITH, DESCRIBE, HELP, what SHOW has of tables and settings, and "
    "EXPLAIN and ANALYZE of queries run here"
)


def find_trouble(statement: str, words: tuple[str, ...]) -> Trouble | None:
    """Return what *statement*, one that begins with *words*, does besides reading, or None."""
    if words[:1] in _PLAIN and not _is_suspicious(statement):
        return None
    found = list(islice(marks_of(statement), MARKS_MAX + 1))
    if len(found) > MARKS_MAX:
        return _too_long(found)
    marks = without_semicolons(found)
    if not _may_run(marks):
        return _no_query(mark_at(marks, 0))
    for index, mark in enumerate(marks):
        what = _trouble_with(marks, index)
        if what is not None:
            return Trouble(what, mark.start + 1)
    return None


def _is_suspicious(statement: str) -> bool:
    if ":=" in statement:
        return True
    words = spelled(statement)
    return not _SUSPICIOUS.isdisjoint(words) or may_be_in_disguise(words, MYSQL_FUNCTIONS)


def _no_query(first: Mark) -> Trouble:
    is_known = first.sort is Sort.WORD and first.text in _COMMANDS
    found = f"{first.text.upper()} does not run; " if is_known else ""
    may_write = is_known or (first.sort is Sort.WORD and first.text in {*_EXPLAINS, "show"})
    return Trouble(f"{found}{_RUN_HERE}", first.start + 1, may_write=may_write)


def _may_run(marks: list[Mark]) -> bool:
    first = mark_at(marks, 0)
    if first.sort is not Sort.WORD:
        return _begins_query(marks, 0)
    if first.text in _EXPLAINS:
        return _explains(marks)
    if first.text == "show":
        return _shows([mark.text for mark in marks[1:] if mark.text not in _SHOW_MORE])
    return first.text == "help" or _begins_query(marks, 0)


def _explains(marks: list[Mark]) -> bool:
    start = 1
    while mark_at(marks, start).text in _EXPLAIN_WORDS:
        start += 1
    if mark_at(marks, start).is_word("format") and mark_at(marks, start + 1).is_symbol("="):
        start += 3
    if _begins_query(marks, start):
        # ANALYZE TABLE writes statistics; EXPLAIN TABLE is of a query.
        return not (marks[0].is_word("analyze") and mark_at(marks, start).is_word("table"))
    return start == 1 and not marks[0].is_word("analyze") and _describes(marks)


def _describes(marks: list[Mark]) -> bool:
    """Return whether behind the first there is a table's name, and perhaps a column's."""
    last = 3 if mark_at(marks, 2).is_symbol(".") else 1
    columns = marks[last + 1 :]
    return (
        mark_at(marks, last).sort in (Sort.WORD, Sort.NAME)
        and len(columns) <= 1
        and all(mark.sort in _DESCRIBED for mark in columns)
    )


def _shows(texts: list[str]) -> bool:
    return (*texts[:1],) in {(shown,) for shown in _SHOWN} or (*texts[:2],) in _SHOWN_BY_TWO


def _begins_query(marks: list[Mark], start: int) -> bool:
    while mark_at(marks, start).is_symbol("("):
        start += 1
    mark = mark_at(marks, start)
    return mark.sort is Sort.WORD and mark.text in _QUERIES


def _trouble_with(marks: list[Mark], index: int) -> str | None:
    mark = marks[index]
    match mark.sort:
        case Sort.GLUED_NUMBER:
            return _GLUED
        case Sort.SYMBOL if mark.text == ":=":
            return "it sets a variable"
        case Sort.WORD if mark.text in _DOES:
            return _verb(marks, index)
        case Sort.WORD | Sort.NAME if mark_at(marks, index + 1).is_symbol("("):
            return _call(marks, index)
        case _:
            return None


def _verb(marks: list[Mark], index: int) -> str | None:
    word, before, after = marks[index].text, mark_at(marks, index - 1), mark_at(marks, index + 1)
    if word in ("update", "share") and before.is_word("for"):
        return "FOR UPDATE and FOR SHARE lock rows"
    is_verb = {
        "share": False,
        "insert": not after.is_symbol("("),
        "replace": not after.is_symbol("("),
        "procedure": not marks[0].is_word("show"),
        "next": after.is_word("value") and mark_at(marks, index + 2).is_word("for"),
    }
    return _DOES[word] if is_verb.get(word, True) else None


def _call(marks: list[Mark], index: int) -> str | None:
    name = name_among(marks[index].text, MYSQL_FUNCTIONS)
    if name is None:
        return None
    if name == "last_insert_id" and mark_at(marks, index + 2).is_symbol(")"):
        return None
    return f"{name} {MYSQL_FUNCTIONS[name]}"


def _too_long(found: list[Mark]) -> Trouble:
    word = next((mark.text for mark in found if mark.text in _SUSPICIOUS), None)
    named = "" if word is None else f" and the word {word}"
    return Trouble(
        f"a statement with more than {MARKS_MAX} words and symbols{named} is not checked; "
        "send long lists as one JSON parameter"
    )
