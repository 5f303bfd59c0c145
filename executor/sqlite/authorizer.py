"""Say yes or no to each thing that SQLite is about to compile; pure.

SQLite asks while it prepares a statement: the client's, and those that triggers, views, virtual
tables and table-valued PRAGMAs prepare by themselves. On a read-only lease it refuses all that
writes, whatever the guard has let through, but for what an R*Tree prepares as soon as it is opened:
there `query_only` and a file that is open for reading hold. On any lease it refuses what would
reach another file, other code or our own settings.
See https://www.sqlite.org/c3ref/c_alter_table.html.
"""

import sqlite3
from typing import Final

_READING: Final = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_RECURSIVE,
    }
)
_WRITING: Final = frozenset(
    {
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_UPDATE,
        sqlite3.SQLITE_DELETE,
        sqlite3.SQLITE_CREATE_INDEX,
        sqlite3.SQLITE_CREATE_TABLE,
        sqlite3.SQLITE_CREATE_TRIGGER,
        sqlite3.SQLITE_CREATE_VIEW,
        sqlite3.SQLITE_CREATE_VTABLE,
        sqlite3.SQLITE_DROP_INDEX,
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_DROP_TRIGGER,
        sqlite3.SQLITE_DROP_VIEW,
        sqlite3.SQLITE_DROP_VTABLE,
        sqlite3.SQLITE_ALTER_TABLE,
        sqlite3.SQLITE_REINDEX,
        sqlite3.SQLITE_ANALYZE,
    }
)
_TRANSACTION: Final = frozenset({sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT})

_MODULES: Final = frozenset({"fts3", "fts4", "fts5", "fts5vocab", "rtree", "rtree_i32", "geopoly"})
"""Virtual tables that keep what they have in this file; others read or write elsewhere."""

_HIDDEN: Final = frozenset({"sqlite_stmt", "sqlite_dbpage", "fsdir"})
"""Tables that show the process, the file's raw pages, or other files."""

_FUNCTIONS: Final = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})
"""Functions that load code, open files or start programs, in one build of SQLite or another."""

# The guard has the same PRAGMAs in a list of its own, because each of the two fences holds alone: a
# name that slips into one list is still stopped by the other. A test holds them equal.
_TOLD: Final = frozenset(
    {
        "application_id",
        "auto_vacuum",
        "collation_list",
        "compile_options",
        "data_version",
        "encoding",
        "foreign_keys",
        "freelist_count",
        "function_list",
        "journal_mode",
        "module_list",
        "page_count",
        "page_size",
        "pragma_list",
        "query_only",
        "schema_version",
        "user_version",
    }
)
"""PRAGMAs that only tell, as long as they have no argument."""
_TOLD_OF: Final = frozenset(
    {
        "foreign_key_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)
"""PRAGMAs that only tell, of what their argument names."""
_SET: Final = frozenset({"application_id", "user_version"})


_SHADOWS: Final = ("_node", "_parent", "_rowid")
"""How the tables are called in which an R*Tree keeps what it has."""


class Authorizer:
    """Decides for one connection."""

    def __init__(self, *, read_only: bool) -> None:
        self._read_only = read_only
        self.is_ours = False
        """Whether the statement is one of ours, which may begin and end transactions."""
        self.has_refused = False
        """Whether anything was refused since this was set to False."""

    def __call__(
        self,
        action: int,
        first: str | None,
        second: str | None,
        _database: str | None,
        _within: str | None,
    ) -> int:
        """Return SQLITE_OK or SQLITE_DENY; the arguments are those of sqlite3_set_authorizer."""
        if self._allows(action, (first or "").lower(), second):
            return sqlite3.SQLITE_OK
        self.has_refused = True
        return sqlite3.SQLITE_DENY

    def _allows(self, action: int, first: str, second: str | None) -> bool:
        if action in _TRANSACTION:
            return self.is_ours
        if action == sqlite3.SQLITE_PRAGMA:
            return self._allows_pragma(first, second)
        if first in _HIDDEN:
            return False
        if action == sqlite3.SQLITE_FUNCTION:
            return (second or "").lower() not in _FUNCTIONS
        return action in _READING or self._allows_write(action, first, second)

    def _allows_write(self, action: int, first: str, second: str | None) -> bool:
        if self._read_only:
            return _is_asked_to_open_a_virtual_table(action, first)
        is_known = action != sqlite3.SQLITE_CREATE_VTABLE or (second or "").lower() in _MODULES
        return action in _WRITING and is_known

    def _allows_pragma(self, name: str, argument: str | None) -> bool:
        if argument is None:
            return name in _TOLD or name in _TOLD_OF
        return name in _TOLD_OF or (name in _SET and not self._read_only)


def _is_asked_to_open_a_virtual_table(action: int, table: str) -> bool:
    # Declaring its columns compiles an UPDATE of the schema, which nobody runs; one of a client's
    # own is refused by SQLite itself.
    if action == sqlite3.SQLITE_UPDATE and table == "sqlite_master":
        return True
    writes_rows = (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE)
    return action in writes_rows and table.endswith(_SHADOWS)
