"""Every way in which a connection reaches a server, in one system that has them all.

PostgreSQL's direct negotiation is not among them: it takes version 17, and the 18 of the pip
package was built without TLS.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import pytest

from tests.harness import mariadb as mariadb_servers
from tests.harness import mysql9 as mysql9_servers
from tests.harness import pgbouncer as poolers
from tests.harness import postgres_debian
from tests.harness.certificates import Certificates
from tests.harness.databases import Accounts, Databases
from tests.harness.mysql9 import Mysql9Server
from tests.harness.mysql_databases import MysqlDatabases
from tests.harness.mysql_family import MysqlFamilyServer
from tests.harness.pgbouncer import PgBouncer
from tests.harness.postgres import PostgresServer
from tests.harness.postgres_debian import Group, PostgresTlsServer
from tests.harness.server_programs import programs_of
from tests.harness.system import System
from tests.harness.values import TYPES

Server: TypeAlias = PostgresServer | PgBouncer | MysqlFamilyServer

READING: Final = "_reading"
"""Behind a kind's name: the same connection, read-only."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One way to reach one kind of server."""

    fixture: str
    programs: str | None
    """What must be on this machine, of scripts/server_packages.py."""
    engine: Literal["postgresql", "mysql"]
    is_encrypted: bool = False
    at_socket: bool = False
    group: Group | None = None
    """By whose rules PostgreSQL 15 lets the role in."""
    plugin: str = ""
    """By which MySQL and MariaDB let the user in."""
    extra: Mapping[str, object] | None = None


_POSTGRES15: Final = Kind(
    fixture="postgres15", programs=postgres_debian.NAME, engine="postgresql", is_encrypted=True
)
_MARIADB: Final = Kind(
    fixture="mariadb", programs=mariadb_servers.NAME, engine="mysql", plugin="ed25519"
)
_MYSQL9: Final = Kind(
    fixture="mysql9", programs=mysql9_servers.NAME, engine="mysql", plugin="caching_sha2_password"
)

KINDS: Final[dict[str, Kind]] = {
    "pg15_bound": replace(_POSTGRES15, extra={"channel_binding": "require"}),
    "pg15_certified": replace(_POSTGRES15, group="by_certificate"),
    "pg15_in_clear": replace(_POSTGRES15, group="in_clear", extra={"auth": "password"}),
    "pg15_socket": replace(_POSTGRES15, is_encrypted=False, at_socket=True),
    "pg18": Kind(fixture="postgres", programs=None, engine="postgresql"),
    "bouncer": replace(_POSTGRES15, fixture="pgbouncer", programs=poolers.NAME),
    "maria_native": replace(_MARIADB, is_encrypted=True, plugin="mysql_native_password"),
    "maria_signed": replace(_MARIADB, is_encrypted=True),
    "maria_plain": _MARIADB,
    "maria_socket": replace(_MARIADB, at_socket=True),
    "mysql9_cached": replace(_MYSQL9, is_encrypted=True),
    "mysql9_sha256": replace(_MYSQL9, is_encrypted=True, plugin="sha256_password"),
    "mysql9_keyed": _MYSQL9,
}


class Pooled(Databases):
    """Those of a server, reached by way of a pooler before it."""

    def __init__(self, server: PostgresServer, pooler: PgBouncer) -> None:
        super().__init__(server)
        self.pooler = pooler

    def add(self, name: str, *, password: str | None = None, **keys: object) -> str:
        """Make a role that both let in, and a connection to the pooler; return the password."""
        role, word = self._named(name, password)
        self.pooler.create_role(role, word)
        self.connections[name] = {
            "type": "postgresql",
            "host": self.pooler.host,
            "port": self.pooler.port,
            "database": "postgres",
            "credentialsEnv": self.variable(name),
            **keys,
        }
        return word


class Interop:
    """The connections of all kinds, each to write and to read, and what a system needs for them."""

    def __init__(self, certificates: Certificates) -> None:
        self.accounts: dict[str, Accounts] = {}
        self.database = f"interop_{secrets.token_hex(4)}"
        """On each PostgreSQL, with the types of the values' tests; MySQL has one for each role."""
        self._certificates = certificates
        self._prepared: list[PostgresServer] = []

    @property
    def connections(self) -> dict[str, dict[str, object]]:
        """Return them as the configuration has them."""
        made: dict[str, dict[str, object]] = {}
        for name, accounts in self.accounts.items():
            made[name] = accounts.connections[name]
            made[name + READING] = {**made[name], "access": "read-only"}
        return made

    @property
    def environment(self) -> dict[str, str]:
        """Return all credentials as an operator exports them."""
        found: dict[str, str] = {}
        for accounts in self.accounts.values():
            found |= accounts.environment
        return found

    def add(self, name: str, server: Server, upstream: PostgresServer) -> None:
        """Add the kind of that name, which *server* plays, before *upstream* if it is a pooler."""
        kind = KINDS[name]
        if isinstance(server, MysqlFamilyServer):
            self.accounts[name] = self._on_mysql(name, kind, server)
        elif isinstance(server, PgBouncer):
            self.accounts[name] = self._on_postgres(name, kind, Pooled(upstream, server))
        else:
            self.accounts[name] = self._on_postgres(name, kind, Databases(server))

    def remove(self) -> None:
        """Remove what other tests would stumble over."""
        for server in self._prepared:
            server.admin_sql(f"drop database {self.database} with (force)")

    def _keys(self, kind: Kind) -> dict[str, object]:
        tls = {"sslmode": "verify-full", "sslrootcert": str(self._certificates.roots)}
        return {**(tls if kind.is_encrypted else {}), **(kind.extra or {})}

    def _on_postgres(self, name: str, kind: Kind, made: Databases) -> Databases:
        server = made.server
        if server not in self._prepared:
            server.create_database(self.database, server.admin_user)
            self._prepared.append(server)
            for statement in TYPES:
                server.admin_sql(statement, self.database)
        made.add(name, password=None, database=self.database, **self._keys(kind))
        role = made.role(name)
        server.admin_sql(f"create schema authorization {role}", self.database)
        if kind.group is not None:
            server.admin_sql(f"grant {kind.group} to {role}")
        if kind.group == "by_certificate":
            own = self._certificates.client(role)
            made.connections[name] |= {"sslcert": str(own.chain), "sslkey": str(own.key)}
        if kind.at_socket and isinstance(server, PostgresTlsServer):
            made.connections[name]["host"] = str(server.socket_directory)
        return made

    def _on_mysql(self, name: str, kind: Kind, server: MysqlFamilyServer) -> MysqlDatabases:
        made = MysqlDatabases(server)
        made.add(name, plugin=kind.plugin, password=None, **self._keys(kind))
        if kind.at_socket:
            del made.connections[name]["port"]
            made.connections[name]["host"] = str(server.socket_path)
        elif not kind.is_encrypted and isinstance(server, Mysql9Server):
            made.connections[name]["server_public_key"] = str(server.public_key)
        return made


def is_here(kind: Kind) -> bool:
    """Say whether this machine has what the kind's server takes."""
    return kind.programs is None or programs_of(kind.programs) is not None


@contextmanager
def every_kind(request: pytest.FixtureRequest) -> Iterator[Interop]:
    """Lend all kinds that can be had on this machine."""
    certificates, upstream = (
        request.getfixturevalue(name) for name in ("certificates", "postgres")
    )
    made = Interop(certificates)
    for name, kind in KINDS.items():
        if is_here(kind):
            made.add(name, request.getfixturevalue(kind.fixture), upstream)
    yield made
    made.remove()


@contextmanager
def running(interop: Interop, *, executors: int) -> Iterator[System]:
    """Lend a system that has them all."""
    with System(
        configuration={"connections": interop.connections, "plaintextPasswords": "accept"},
        credentials=interop.environment,
        executors=executors,
    ) as system:
        yield system
