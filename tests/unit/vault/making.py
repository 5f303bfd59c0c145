"""Makers for the vault's tests: keys in a page of their own, pools, settings, memories."""

import os
import secrets
from typing import Final

from tests.harness.postgres import PostgresServer
from vault.seal import Keys
from vault.secret import SecretPage
from vault.settings import NamedConnection, VaultSettings
from vault.state import STATE_BYTES
from wire.lending import OpenSession, Target, TryLogin
from wire.names import Access, ConnectionName, Handle, Incarnation, PoolKey, Principal

ALICE: Final = Principal("token:alice")
BOB: Final = Principal("token:bob")
MAIN: Final = ConnectionName("main")
EXECUTOR: Final = Incarnation("executor-1.0000000a")
OTHER_EXECUTOR: Final = Incarnation("executor-2.0000000b")
HANDLE: Final = Handle("0123456789abcdef")
VARIABLE: Final = "MAIN_DB_CREDENTIALS"

ODD_PASSWORDS: Final = [
    "x",
    " leading and trailing ",
    ":::",
    "a:@/%' \"\\b",
    "=NAME=",
    "pässwörd-密码-🔑",
    "x" * 1024,
]


def keys() -> Keys:
    """Return the keys of a page of their own."""
    return Keys(SecretPage.own())


def a_pool(
    principal: Principal = ALICE,
    connection: ConnectionName = MAIN,
    access: Access = "read-write",
) -> PoolKey:
    return PoolKey(principal, connection, access)


def a_connection(
    *, host: str = "127.0.0.1", port: int = 5432, database: str = "main"
) -> NamedConnection:
    return NamedConnection(
        engine="postgresql",
        host=host,
        port=port,
        database=database,
        access="read-write",
        variable=VARIABLE,
    )


def the_settings(
    *connections: NamedConnection,
    connections_per_database: int = 32,
    connections_per_principal: int = 32,
    leases_per_principal: int = 64,
    lease_idle_ms: int = 600_000,
    lease_ms: int = 3_600_000,
) -> VaultSettings:
    """Return settings with connections named `main`, `main2`, …"""
    names = [ConnectionName("main" if n == 0 else f"main{n + 1}") for n in range(len(connections))]
    return VaultSettings(
        connections=dict(zip(names, connections, strict=True)),
        statement_ms=30_000,
        lease_idle_ms=lease_idle_ms,
        lease_ms=lease_ms,
        connections_per_database=connections_per_database,
        connections_per_principal=connections_per_principal,
        leases_per_principal=leases_per_principal,
    )


def a_memory(content: bytes = b"") -> int:
    """Return the descriptor of a memory file with *content*."""
    descriptor = os.memfd_create("test")
    os.write(descriptor, content)
    return descriptor


def a_state_memory() -> bytearray:
    return bytearray(STATE_BYTES)


class Account:
    """A role of one test, at a real server."""

    def __init__(self, server: PostgresServer, password: str) -> None:
        self.server = server
        self.password = password
        self.role = f"login_{secrets.token_hex(4)}"
        server.create_role(self.role, password)
        self.target = Target(
            engine="postgresql",
            host=server.host,
            port=server.port,
            database="postgres",
            user=self.role,
        )

    def sessions(self) -> int:
        rows = self.server.admin_sql(
            f"select count(*) from pg_stat_activity where usename = '{self.role}'"
        )
        return int(str(rows[0][0]))

    def is_busy(self) -> bool:
        """Return whether a statement of its runs: before that, there is nothing to cancel."""
        rows = self.server.admin_sql(
            f"select 1 from pg_stat_activity where usename = '{self.role}' and state = 'active'"
        )
        return bool(rows)

    def connection(self) -> NamedConnection:
        return a_connection(host=self.server.host, port=self.server.port, database="postgres")

    def environment(self) -> dict[str, str]:
        return {VARIABLE: f"{self.role}:{self.password}"}

    def open_order(self, *, deadline_ms: int = 10_000) -> OpenSession:
        return OpenSession(target=self.target, handle=HANDLE, deadline_ms=deadline_ms)

    def try_order(self) -> TryLogin:
        return TryLogin(target=self.target, deadline_ms=10_000)
