"""Databases with users on a MariaDB or MySQL server, for one test."""

import base64

from console.scan.needles import Extra
from tests.harness.databases import Accounts
from tests.harness.memory import mysql_derivatives
from tests.harness.mysql_family import MysqlFamilyServer


class MysqlDatabases(Accounts):
    """Those of one real server."""

    def __init__(self, server: MysqlFamilyServer) -> None:
        super().__init__()
        self.server = server

    def add(self, name: str, *, plugin: str, password: str | None = None, **keys: object) -> str:
        """Make a user, a database of its own and a connection to it; return the password."""
        role, word = self._named(name, password)
        self.server.create_user(role, word, plugin=plugin)
        self.server.create_database(role, role)
        self.connections[name] = {
            "type": "mysql",
            "host": self.server.host,
            "port": self.server.port,
            "database": role,
            "credentialsEnv": self.variable(name),
            "auth": plugin,
            **keys,
        }
        return word

    def sessions(self, name: str) -> list[int]:
        """Return the connection ids of a connection's role."""
        return self.server.sessions(self.role(name))

    def sleepers(self, name: str) -> list[int]:
        """Return those of a role's sessions in which a statement sleeps."""
        rows = self.server.admin_sql(
            "select id from information_schema.processlist where user = %s and command = 'Query' "
            "and state = 'User sleep'",
            self.role(name),
        )
        return [int(str(row[0])) for row in rows]

    def derivatives(self, name: str) -> list[Extra]:
        """Return what the plugins make of a password, and what the server stores of it."""
        rows = self.server.admin_sql(
            "select authentication_string from mysql.user where user = %s", self.role(name)
        )
        found = rows[0][0]
        stored = found if isinstance(found, bytes) else str(found).encode()
        known = mysql_derivatives(self.passwords[name].encode())
        kept = _kept(stored)
        return known if kept in dict(known).values() else [*known, ("stored", kept)]


def _kept(text: bytes) -> bytes:
    """Return the secret of what a server stores: of native, of SHA2-crypt, or of ed25519."""
    if text.startswith(b"*"):
        return bytes.fromhex(text[1:].decode())
    # The salt, which comes first, is none.
    return text[-43:] if text.startswith(b"$") else base64.b64decode(text + b"=")
