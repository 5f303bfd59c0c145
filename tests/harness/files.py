"""SQLite files for a system under test: one of each access, and what a test does beside it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.harness.system import System


class Files:
    """One file with a table `t (n integer primary key, word text)`, under two names."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "shop.db"
        self.connections: dict[str, dict[str, object]] = {
            "shop": {"type": "sqlite", "database": str(self.path), "access": "read-write"},
            "shop_reader": {"type": "sqlite", "database": str(self.path), "access": "read-only"},
        }
        self.admin("create table t (n integer primary key, word text)")
        self.admin("insert into t values (1, 'one')")

    def admin(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement beside the system, on a connection of its own."""
        with closing(sqlite3.connect(self.path, timeout=5)) as connection, connection:
            return connection.execute(statement).fetchall()

    def count(self) -> int:
        """Return how many rows the table has."""
        ((found,),) = self.admin("select count(*) from t")
        assert isinstance(found, int)
        return found

    def system(self, **limits: int) -> System:
        """Return a system with these connections alone."""
        return System(
            configuration={
                "connections": self.connections,
                "sqliteRoots": [str(self.directory)],
                "limits": limits,
            }
        )
