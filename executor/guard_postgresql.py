"""What a read-only lease does not run on PostgreSQL, by grammar and by name; pure.

A query can change something in four ways only, and each shows itself in the statement's words:

- INTO, which is reserved: `SELECT INTO`, and every INSERT and MERGE has it.
- UPDATE and DELETE within WITH or after it. As words they are free, and somebody's column may be
  called so: they are verbs where a statement can begin and what follows is theirs (`DELETE FROM`,
  `UPDATE … SET`).
- FOR UPDATE and FOR SHARE, which lock rows.
- A function with effects, called as `f(x)` or as `(x).f`.

Anything that is not a query, or EXPLAIN or SHOW, is refused by its first word. Where a name and a
verb cannot be told apart for sure, it is taken for the verb.
"""

from itertools import islice
from typing import Final, NamedTuple

from executor.guard_names import POSTGRESQL_FUNCTIONS
from executor.guard_words import (
    MARKS_MAX,
    Mark,
    Sort,
    Trouble,
    mark_at,
    postgresql_marks,
    spelled,
    without_semicolons,
    words_of,
)

_QUERIES: Final = frozenset({"select", "values", "table", "with"})
_PLAIN: Final = frozenset({("SHOW",), *((word.upper(),) for word in _QUERIES)})

_VERBS: Final = frozenset({"into", "update", "delete", "share"})
_SUSPICIOUS: Final = _VERBS | POSTGRESQL_FUNCTIONS.keys()
_ESCAPED: Final = '&"'

# Reserved in every version: none of these can be the name after which a statement begins ...
_BEFORE_NAMES: Final = words_of(
    "select distinct all as and or not where on case when then else having limit in"
)
# ... nor the table that is to be updated.
_AFTER_NAMES: Final = words_of("""
    from and or in as asc desc not order group having limit offset union except intersect then else
    end when where collate on using for fetch window is isnull notnull like ilike similar
""")
_COMMANDS: Final = words_of("""
    abort alter analyze begin call checkpoint close cluster comment commit copy create deallocate
    declare delete discard do drop end execute fetch grant import insert listen load lock merge move
    notify prepare reassign refresh reindex release reset revoke rollback savepoint security set
    start truncate unlisten update vacuum
""")
"""All others of PostgreSQL, to be named in a refusal; what a client made up is not repeated."""
_UNREADABLE: Final = {
    Sort.ESCAPED_NAME: 'names are written without U&"" here, so that they can be checked',
    Sort.GLUED_NUMBER: "a number runs into a word; put a space between them",
    Sort.GLUED_PARAMETER: "a parameter runs into a dollar sign; put a space between them",
}
_MAY_END_A_QUERY: Final = frozenset({"", "(", ")", "]"})
_EXPLAIN_WORDS: Final = frozenset({"analyze", "analyse", "verbose"})


class _Read(NamedTuple):
    """A statement as far as it was read."""

    marks: list[Mark]
    has_set: bool
    """Whether SET stands anywhere."""


def find_trouble(statement: str, words: tuple[str, ...]) -> Trouble | None:
    """Return what *statement*, which begins with *words*, does besides reading, or None."""
    if words[:1] in _PLAIN and not _is_suspicious(statement):
        return None
    marks = list(islice(postgresql_marks(statement), MARKS_MAX + 1))
    if len(marks) > MARKS_MAX:
        return _too_long(marks)
    return _trouble_among(without_semicolons(marks), has_set="set" in spelled(statement))


def _is_suspicious(statement: str) -> bool:
    return (
        not _SUSPICIOUS.isdisjoint(spelled(statement))
        or ";" in statement.rstrip("; \t\n\r")
        or _ESCAPED in statement
    )


def _trouble_among(marks: list[Mark], *, has_set: bool) -> Trouble | None:
    start = _start_of_query(marks)
    if start is None:
        return _no_query(mark_at(marks, 0))
    read = _Read(marks, has_set)
    for index in range(start, len(marks)):
        what = _trouble_with(read, index)
        if what is not None:
            may_write = not marks[index].is_symbol(";")
            return Trouble(what, marks[index].start + 1, may_write=may_write)
    return None


def _no_query(first: Mark) -> Trouble:
    is_known = first.sort is Sort.WORD and first.text in _COMMANDS
    found = f"{first.text.upper()} does not run; " if is_known else ""
    what = f"{found}only SELECT, VALUES, TABLE, WITH, SHOW, and EXPLAIN of queries run here"
    return Trouble(what, first.start + 1, may_write=is_known or first.is_word("explain"))


def _start_of_query(marks: list[Mark]) -> int | None:
    """Return where the query begins, behind EXPLAIN and its options; None if there is none."""
    start = 0
    if mark_at(marks, 0).is_word("explain"):
        start = 1
        while mark_at(marks, start).text in _EXPLAIN_WORDS:
            start += 1
        if mark_at(marks, start).is_symbol("(") and not _begins_query(marks, start):
            start = next((i + 1 for i, mark in enumerate(marks) if mark.is_symbol(")")), len(marks))
    elif mark_at(marks, 0).is_word("show"):
        return 0
    return start if _begins_query(marks, start) else None


def _begins_query(marks: list[Mark], start: int) -> bool:
    while mark_at(marks, start).is_symbol("("):
        start += 1
    mark = mark_at(marks, start)
    return mark.sort is Sort.WORD and mark.text in _QUERIES


def _trouble_with(read: _Read, index: int) -> str | None:
    marks, mark = read.marks, read.marks[index]
    before, after = mark_at(marks, index - 1), mark_at(marks, index + 1)
    match mark.sort:
        case Sort.ESCAPED_NAME | Sort.GLUED_NUMBER | Sort.GLUED_PARAMETER:
            return _UNREADABLE[mark.sort]
        case Sort.SYMBOL if mark.text == ";":
            return "it takes one statement per call"
        case Sort.WORD if mark.text in _VERBS:
            return None if _is_name(marks, index) else _verb(read, index)
        case Sort.WORD | Sort.NAME if mark.text in POSTGRESQL_FUNCTIONS:
            is_called = after.is_symbol("(") or before.is_symbol(".")
            return f"{mark.text} {POSTGRESQL_FUNCTIONS[mark.text]}" if is_called else None
        case _:
            return None


def _is_name(marks: list[Mark], index: int) -> bool:
    """Return whether it is an attribute, a label behind AS, or what a single colon stands before.

    AS itself may be an attribute or a label. After a colon, which is a parameter's, a slice's or
    one of JSON_OBJECT's, no clause can begin.
    """
    first = index
    while mark_at(marks, first - 1).is_word("as"):
        first -= 1
    before = mark_at(marks, first - 1)
    if index == first:
        return before.is_symbol(".") or before.is_symbol(":")
    is_attribute = before.is_symbol(".")
    return (index - first - is_attribute) % 2 == 1


def _verb(read: _Read, index: int) -> str | None:
    marks, word = read.marks, read.marks[index].text
    before, after = mark_at(marks, index - 1), mark_at(marks, index + 1)
    if word == "into":
        return _into(before)
    if word != "delete" and _is_lock(marks, index):
        return "FOR UPDATE and FOR SHARE lock rows"
    is_change = after.is_word("from") if word == "delete" else read.has_set and _is_updated(after)
    if is_change and word != "share" and _can_begin_a_statement_after(before):
        return f"{word.upper()} changes data"
    return None


def _into(before: Mark) -> str:
    if before.sort is Sort.WORD and before.text in ("insert", "merge"):
        return f"{before.text.upper()} changes data"
    return "INTO makes a table"


def _is_lock(marks: list[Mark], index: int) -> bool:
    """Return whether it is FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE or FOR KEY SHARE."""
    start = index - 1
    for word in ("key", "no"):
        if mark_at(marks, start).is_word(word):
            start -= 1
    return mark_at(marks, start).is_word("for")


def _can_begin_a_statement_after(before: Mark) -> bool:
    if before.sort is Sort.SYMBOL:
        return before.text in _MAY_END_A_QUERY
    return not (before.sort is Sort.WORD and before.text in _BEFORE_NAMES)


def _is_updated(after: Mark) -> bool:
    if after.sort is Sort.WORD:
        return after.text not in _AFTER_NAMES
    return after.sort in (Sort.NAME, Sort.ESCAPED_NAME)


def _too_long(marks: list[Mark]) -> Trouble:
    found = next((mark for mark in marks if mark.text in _SUSPICIOUS), None)
    named = "" if found is None else f" and the word {found.text}"
    what = (
        f"a statement with more than {MARKS_MAX} words and symbols{named} is not checked; "
        "send long lists as one array or JSON parameter"
    )
    return Trouble(what)
