"""Makers for the vault's tests: keys in a page of their own, pools, settings, memories."""

import os
from typing import Final

from vault.seal import Keys
from vault.secret import SecretPage
from vault.settings import NamedConnection, VaultSettings
from vault.state import STATE_BYTES
from wire.names import Access, ConnectionName, Incarnation, PoolKey, Principal

ALICE: Final = Principal("token:alice")
BOB: Final = Principal("token:bob")
MAIN: Final = ConnectionName("main")
EXECUTOR: Final = Incarnation("executor-1.0000000a")
OTHER_EXECUTOR: Final = Incarnation("executor-2.0000000b")
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
        leases_per_principal=leases_per_principal,
    )


def a_memory(content: bytes = b"") -> int:
    """Return the descriptor of a memory file with *content*."""
    descriptor = os.memfd_create("test")
    os.write(descriptor, content)
    return descriptor


def a_state_memory() -> bytearray:
    return bytearray(STATE_BYTES)
