"""A database with users for one test: roles, canary passwords, and the configuration."""

import base64
import secrets
from dataclasses import dataclass, field

from console.scan.needles import Extra
from tests.harness.memory import scram_derivatives
from tests.harness.postgres import PostgresServer


@dataclass
class Databases:
    """One real server and what a system needs to use it."""

    server: PostgresServer
    passwords: dict[str, str] = field(default_factory=dict, repr=False)
    connections: dict[str, dict[str, object]] = field(default_factory=dict)

    def add(self, name: str, *, password: str | None = None, **keys: object) -> str:
        """Make a role and a connection of that name; return the password."""
        token = secrets.token_urlsafe(24)
        word = password if password is not None else f"{token[:9]}:@/%'\"\\é{token[9:]}"
        role = f"{name}_{secrets.token_hex(4)}"
        self.server.create_role(role, word)
        self.passwords[name] = word
        self.connections[name] = {
            "type": "postgresql",
            "host": self.server.host,
            "port": self.server.port,
            "database": "postgres",
            "credentialsEnv": self.variable(name),
            **keys,
        }
        self._roles[name] = role
        return word

    _roles: dict[str, str] = field(default_factory=dict)

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

    def sessions(self, name: str, *, state: str | None = None) -> list[int]:
        """Return the backends of a connection's role, perhaps in that state only."""
        rows = self.server.admin_sql(
            "select pid from pg_stat_activity where usename = "
            f"'{self.role(name)}'" + ("" if state is None else f" and state = '{state}'")
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
