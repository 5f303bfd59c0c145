"""What a person reads when the system is ready: what runs, what agents may do, how to go on."""

import json
import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from supervisor.connections import Connection, File
from supervisor.listening import Address
from supervisor.plan import Member
from supervisor.settings import Configuration
from wire.names import Access, Role

_MAY: Final[dict[Access, str]] = {
    "read-only": "agents may read; writes are refused",
    "read-write": "agents may read and write all that its database user may",
}
_MAY_FILE: Final[dict[Access, str]] = {
    "read-only": "agents may read; writes are refused",
    "read-write": "agents may read and write",
}
_PLURALS: Final[dict[Role, tuple[str, str]]] = {
    "gateway": ("gateway", "gateways"),
    "router": ("router", "routers"),
    "vault": ("vault", "vaults"),
    "login-server": ("login server", "login servers"),
    "executor": ("executor", "executors"),
    "file-executor": ("file executor", "file executors"),
    "demo": ("demo database", "demo databases"),
}
_ANY_STATEMENT: Final = "SELECT 1 AS one"
_DEMO_STATEMENT: Final = "SELECT title, price FROM books ORDER BY price DESC LIMIT 5"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the greeting tells."""

    configuration: Configuration
    members: tuple[Member, ...]
    run_dir: Path
    log: Path | None
    url: str | None
    token: str | None
    script: tuple[str, ...]
    """How to call `strongroom` from anywhere."""
    demo_password_file: Path | None
    demo_user: str | None = None
    """Whose password is in that file; its connection is the first."""


def greeting(facts: Facts) -> str:
    """Return all of it, the line `ready URL` included."""
    parts = [
        _running(facts.members),
        *_connections(facts.configuration),
        f"run directory: {facts.run_dir}",
    ]
    if facts.log is not None:
        parts.append(f"log: {facts.log}")
    if facts.url is None:
        return "\n".join([*parts, "ready", ""])
    return "\n".join([*parts, f"ready {facts.url}", "", *_next_steps(facts), ""])


def ready_url(shown_address: str) -> str:
    """Return where MCP clients connect."""
    return f"http://{shown_address}/mcp"


def _running(members: Iterable[Member]) -> str:
    counts = Counter(member.role for member in members)
    shown = (f"{n} {_PLURALS[role][n > 1]}" for role, n in counts.items())
    return f"started: {', '.join(shown)}"


def _connections(configuration: Configuration) -> list[str]:
    rows = [_row(name, one) for name, one in configuration.connections.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(name: str, one: Connection | File) -> tuple[str, ...]:
    if isinstance(one, File):
        return (name, one.engine, str(one.path), "", one.access, _MAY_FILE[one.access])
    if one.is_socket:
        where = f"{one.host} {one.database}"
    else:
        where = f"{Address(one.host, one.port).shown}/{one.database}"
    return (name, one.engine, where, _encryption(one), one.access, _MAY[one.access])


def _encryption(one: Connection) -> str:
    """Return how it is encrypted, in the words of `sslmode`."""
    return "no TLS" if one.tls is None else f"TLS {one.tls.mode}"


def _next_steps(facts: Facts) -> list[str]:
    where = ("--run-dir", str(facts.run_dir))
    lines = _first_query(facts, where)
    if facts.demo_password_file is not None:
        lines += [
            "look for the demo's password in the memory of every process (as root):",
            f"  {shlex.join([*facts.script, 'prove', *_proof(facts), *where])}",
        ]
    headers = {} if facts.token is None else {"Authorization": f"Bearer {facts.token}"}
    http: dict[str, object] = {"type": "http", "url": facts.url}
    if headers:
        http["headers"] = headers
    stdio: dict[str, object] = {
        "command": facts.script[0],
        "args": [*facts.script[1:], "stdio", *where],
    }
    return [
        *lines,
        "for an MCP client's settings, over HTTP:",
        f"  {_snippet(http)}",
        "or over stdio:",
        f"  {_snippet(stdio)}",
    ]


def _proof(facts: Facts) -> list[str]:
    """Return what to look for: the demo's password, and what logins make of it."""
    secret = ["--secret-file", str(facts.demo_password_file)]
    if facts.demo_user is None:
        return secret
    connection = next(iter(facts.configuration.connections))
    return [*secret, "--connection", connection, "--user", facts.demo_user]


def _first_query(facts: Facts, where: tuple[str, str]) -> list[str]:
    """Return how to ask the first database."""
    name = next(iter(facts.configuration.connections))
    statement = _ANY_STATEMENT if facts.demo_password_file is None else _DEMO_STATEMENT
    return ["try it:", f"  {shlex.join([*facts.script, 'query', name, statement, *where])}"]


def _snippet(server: dict[str, object]) -> str:
    return json.dumps({"mcpServers": {"strongroom": server}}, ensure_ascii=False)
