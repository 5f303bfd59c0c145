"""The guard and the authorizer each hold alone, with lists of their own, and allow the same."""

import sqlite3
from contextlib import closing

import pytest

from executor import guard_sqlite
from executor.guard_names import SQLITE_OPERATORS, SQLITE_WRITES
from executor.guard_sqlite import find_in_pragma
from executor.sqlite import authorizer
from executor.sqlite.authorizer import Authorizer

OF_PRAGMA = "pragma_"


def allows(action: int, first: str, second: str | None, *, read_only: bool = False) -> bool:
    judge = Authorizer(read_only=read_only)
    return judge(action, first, second, "main", None) == sqlite3.SQLITE_OK


def pragmas() -> set[str]:
    with closing(sqlite3.connect(":memory:")) as connection:
        known = {name for (name,) in connection.execute("select name from pragma_pragma_list")}
    listed = guard_sqlite._READERS | guard_sqlite._WRITERS
    return known | listed | authorizer._TOLD | authorizer._TOLD_OF | authorizer._SET


@pytest.mark.parametrize("argument", [None, "1"])
@pytest.mark.parametrize("read_only", [True, False])
def test_guard_and_authorizer_allow_the_same_pragmas(
    argument: str | None, *, read_only: bool
) -> None:
    names = pragmas()

    by_guard = {
        name
        for name in names
        if find_in_pragma(
            f"pragma {name}" if argument is None else f"pragma {name}({argument})",
            read_only=read_only,
        )
        is None
    }

    assert by_guard == {
        name for name in names if allows(sqlite3.SQLITE_PRAGMA, name, argument, read_only=read_only)
    }


@pytest.mark.parametrize("name", [*SQLITE_OPERATORS, *SQLITE_WRITES])
def test_what_the_guard_knows_by_name_the_authorizer_refuses_too(name: str) -> None:
    if name.startswith(OF_PRAGMA):
        # The table asks for the PRAGMA of that name.
        assert not allows(sqlite3.SQLITE_PRAGMA, name.removeprefix(OF_PRAGMA), None)
    else:
        is_function_allowed = allows(sqlite3.SQLITE_FUNCTION, "", name)
        assert not (is_function_allowed and allows(sqlite3.SQLITE_READ, name, "column"))


@pytest.mark.parametrize("name", sorted(authorizer._FUNCTIONS))
def test_a_function_that_the_authorizer_refuses_is_known_to_the_guard(name: str) -> None:
    assert name in SQLITE_OPERATORS
