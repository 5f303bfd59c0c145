"""The user's configuration: what it may say, and the sentence for each way to get it wrong.

The file has names of environment variables, never what they hold; a sentence names the file, the
connection and the key, never a value, because a value may be a password in the wrong place.
"""

from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal

from supervisor.checks import Check, choice, host_name, text, variable_name, whole_number
from supervisor.strict_json import JsonObject, NotJsonError, read_json
from wire.names import Access, ConnectionName, Engine
from wire.results import RESULT_MAX_BYTES

DEFAULT_PORTS: Final[dict[Engine, int]] = {"postgresql": 5432, "mysql": 3306}
NAME_MAX_CHARACTERS: Final = 128
CONNECTIONS_MAX: Final = 1000

_REQUIRED: Final = ("type", "host", "database", "credentialsEnv")
_CONNECTION: Final[dict[str, Check]] = {
    "type": choice("postgresql", "mysql"),
    "host": host_name(),
    "database": text(NAME_MAX_CHARACTERS),
    "port": whole_number(1, 65535),
    "credentialsEnv": variable_name(),
    "access": choice("read-only", "read-write"),
    "sslmode": choice("disable"),
}
_LIMITS: Final[dict[str, Check]] = {
    "statementSeconds": whole_number(1, 3600),
    "leaseIdleSeconds": whole_number(1, 7 * 86400),
    "leaseSeconds": whole_number(1, 30 * 86400),
    "connectionsPerDatabase": whole_number(1, 1000),
    "connectionsPerPrincipal": whole_number(1, 1000),
    "leasesPerPrincipal": whole_number(1, 10_000),
    "rows": whole_number(1, 1_000_000),
    "resultBytes": whole_number(1024, RESULT_MAX_BYTES),
}
_MISPLACED: Final = frozenset({"user", "username", "password", "passwd", "dsn", "url"})


class ConfigurationError(Exception):
    """The configuration cannot be used; the text is the sentence for the user."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One configured database."""

    engine: Engine
    host: str
    port: int
    database: str
    access: Access
    variable: str
    """The environment variable that held `username:password`."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What no client may exceed; the file's `limits`."""

    statement_s: int = 30
    lease_idle_s: int = 1800
    lease_s: int = 28_800
    connections_per_database: int = 32
    connections_per_principal: int = 24
    leases_per_principal: int = 64
    rows: int = 10_000
    result_bytes: int = 16 << 20


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """All that the user's file says."""

    path: Path
    connections: dict[ConnectionName, Connection]
    limits: Limits = field(default_factory=Limits)


def read_configuration(path: Path) -> Configuration:
    """Return the configuration in *path*; raise ConfigurationError."""
    try:
        found = read_json(path)
    except NotJsonError as error:
        raise ConfigurationError(f"configuration {path} {error}") from None
    return check_configuration(found, path=path)


def check_configuration(found: object, *, path: Path) -> Configuration:
    """Return the configuration that the parsed file *found* says; raise ConfigurationError."""
    whole = _object(found, f"configuration {path}:", f"configuration {path}: it")
    _refuse_unknown(whole, {"connections": None, "limits": None}, f"configuration {path}:")
    if "connections" not in whole:
        raise ConfigurationError(f'configuration {path}: key "connections" is missing')
    where = f'configuration {path}: "connections"'
    named = _object(whole["connections"], where, where)
    if not 1 <= len(named) <= CONNECTIONS_MAX:
        raise ConfigurationError(f"{where} must name 1 to {CONNECTIONS_MAX} connections")
    return Configuration(
        path=path,
        connections={
            _name(name, path): _connection(name, one, path) for name, one in named.items()
        },
        limits=_limits(whole.get("limits", JsonObject()), path),
    )


def is_loopback(host: str) -> bool:
    """Return whether nobody but this machine can listen in on the way to *host*."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _connection(name: str, found: object, path: Path) -> Connection:
    where = f"configuration {path}: connection {_shown(name)}:"
    keys = _object(found, where, f"{where} it")
    _refuse_misplaced(keys, where)
    _check(keys, _CONNECTION, where)
    for key in _REQUIRED:
        if key not in keys:
            raise ConfigurationError(f'{where} key "{key}" is missing')
    engine: Engine = "postgresql" if keys["type"] == "postgresql" else "mysql"
    host, port = str(keys["host"]), keys.get("port", DEFAULT_PORTS[engine])
    if engine == "postgresql" and "sslmode" not in keys and not is_loopback(host):
        raise ConfigurationError(
            f"{where} its host is on another machine and TLS is not available yet; "
            'write "sslmode": "disable" if the network between may be trusted'
        )
    return Connection(
        engine=engine,
        host=host,
        port=port if isinstance(port, int) else DEFAULT_PORTS[engine],
        database=str(keys["database"]),
        access="read-only" if keys.get("access") == "read-only" else "read-write",
        variable=str(keys["credentialsEnv"]),
    )


_LimitKey = Literal[
    "statement_s",
    "lease_idle_s",
    "lease_s",
    "connections_per_database",
    "connections_per_principal",
    "leases_per_principal",
    "rows",
    "result_bytes",
]
_LIMIT_FIELDS: Final[dict[str, _LimitKey]] = {
    "statementSeconds": "statement_s",
    "leaseIdleSeconds": "lease_idle_s",
    "leaseSeconds": "lease_s",
    "connectionsPerDatabase": "connections_per_database",
    "connectionsPerPrincipal": "connections_per_principal",
    "leasesPerPrincipal": "leases_per_principal",
    "rows": "rows",
    "resultBytes": "result_bytes",
}


def _limits(found: object, path: Path) -> Limits:
    where = f'configuration {path}: "limits":'
    keys = _object(found, where, f'configuration {path}: "limits"')
    _check(keys, _LIMITS, where)
    return Limits(
        **{_LIMIT_FIELDS[key]: value for key, value in keys.items() if isinstance(value, int)}
    )


def _check(keys: JsonObject, checks: dict[str, Check], where: str) -> None:
    _refuse_unknown(keys, checks, where)
    for key, value in keys.items():
        expected = checks[key](value)
        if expected is not None:
            raise ConfigurationError(f'{where} key "{key}" must be {expected}')


def _object(found: object, where: str, subject: str) -> JsonObject:
    if not isinstance(found, JsonObject):
        raise ConfigurationError(f"{subject} must be a JSON object")
    if found.twice:
        raise ConfigurationError(f"{where} {_shown(found.twice[0])} stands there twice")
    return found


def _refuse_unknown(
    keys: JsonObject, known: dict[str, Check] | dict[str, None], where: str
) -> None:
    for key in keys:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise ConfigurationError(f"{where} key {_shown(key)} is not known{hint}")


def _refuse_misplaced(keys: JsonObject, where: str) -> None:
    for key in keys:
        if key.lower() in _MISPLACED:
            raise ConfigurationError(
                f"{where} key {_shown(key)} does not belong here; put username:password into the "
                'environment variable that "credentialsEnv" names'
            )


def _name(name: str, path: Path) -> ConnectionName:
    expected = text(NAME_MAX_CHARACTERS)(name)
    if expected is not None:
        raise ConfigurationError(f"configuration {path}: a connection's name must be {expected}")
    return ConnectionName(name)


def _shown(key: str) -> str:
    """Return a key as a sentence may show it: printable, and not without end."""
    kept = "".join(character if character.isprintable() else "?" for character in key[:64])
    return f'"{kept}…"' if len(key) > len(kept) else f'"{kept}"'
