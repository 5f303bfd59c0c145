"""Databases with users for one test: roles, canary passwords, and the configuration."""

import base64
import secrets
from abc import ABC, abstractmethod

from console.scan.needles import Extra
from tests.harness.memory import scram_derivatives
from tests.harness.postgres import PostgresServer


class Accounts(ABC):
    """Connections, each with a role and a password of its own, and what a system needs for them."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.connections: dict[str, dict[str, object]] = {}
        self._roles: dict[str, str] = {}

    def role(self, name: str) -> str:
        """Return the role behind a connection."""
        return self._roles[name]

    def variable(self, name: str) -> str:
        """Return the variable that holds a connection's credentials."""
        return f"{name.upper()}_WORDS"

    @property
    def environment(self) -> dict[str, str]:
        """Return the credentials as an operator exports them."""
        return {
            self.variable(name): f"{self.role(name)}:{word}"
            for name, word in self.passwords.items()
        }

    @abstractmethod
    def derivatives(self, name: str) -> list[Extra]:
        """Return what logins make of a password, and what the server stores of it."""

    @abstractmethod
    def sessions(self, name: str) -> list[int]:
        """Return the sessions of a connection's role, by the server's numbers."""

    @abstractmethod
    def sleepers(self, name: str) -> list[int]:
        """Return those of a role's sessions in which a statement sleeps.

        A session may also be busy with what an executor asks of it before a client's statement.
        """

    def _named(self, name: str, password: str | None) -> tuple[str, str]:
        """Return a role that is not there yet, and its password, with all that is awkward in it."""
        token = secrets.token_urlsafe(24)
        word = password if password is not None else f"{token[:9]}:@/%'\"\\é{token[9:]}"
        role = f"{name}_{secrets.token_hex(4)}"
        self.passwords[name] = word
        self._roles[name] = role
        return role, word


class Databases(Accounts):
    """Those of one real PostgreSQL server."""

    def __init__(self, server: PostgresServer) -> None:
        super().__init__()
        self.server = server

    def add(self, name: str, *, password: str | None = None, **keys: object) -> str:
        """Make a role and a connection of that name; return the password."""
        role, word = self._named(name, password)
        self.server.create_role(role, word)
        self.connections[name] = {
            "type": "postgresql",
            "host": self.server.host,
            "port": self.server.port,
            "database": "postgres",
            "credentialsEnv": self.variable(name),
            **keys,
        }
        return word

    def sessions(self, name: str) -> list[int]:
        """Return the backends of a connection's role."""
        return self._backends(name, "true")

    def sleepers(self, name: str) -> list[int]:
        """Return those of a role's backends in which a statement sleeps."""
        return self._backends(name, "wait_event = 'PgSleep'")

    def _backends(self, name: str, condition: str) -> list[int]:
        rows = self.server.admin_sql(
            f"select pid from pg_stat_activity where usename = '{self.role(name)}' and {condition}"
        )
        return [int(str(row[0])) for row in rows]

    def derivatives(self, name: str) -> list[Extra]:
        """Return what SCRAM makes of a password, with the salt that the server stores."""
        rows = self.server.admin_sql(
            f"select rolpassword from pg_authid where rolname = '{self.role(name)}'"
        )
        _, parameters, _ = str(rows[0][0]).split("$")
        iterations, salt = parameters.split(":")
        return scram_derivatives(
            self.passwords[name].encode(), salt=base64.b64decode(salt), iterations=int(iterations)
        )
