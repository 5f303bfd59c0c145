"""The user's configuration: what it may say, and the sentence for each way to get it wrong.

The file has names of environment variables, never what they hold; a sentence names the file, the
connection and the key, never a value, because a value may be a password in the wrong place.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from supervisor.checks import PATH_MAX_CHARACTERS, Check, choice, text, whole_number
from supervisor.connections import Connection, File, read_connection, read_name
from supervisor.keys import ConfigurationError, as_object, check_keys, refuse_unknown
from supervisor.strict_json import JsonObject, NotJsonError, read_json
from supervisor.targets import LOOPBACK_TARGETS, read_targets
from wire.lending import AllowedTarget
from wire.names import ConnectionName
from wire.results import RESULT_MAX_BYTES

CONNECTIONS_MAX: Final = 1000
ROOTS_MAX: Final = 100

KEYS: Final = ("connections", "limits", "plaintextPasswords", "dynamicTargets", "sqliteRoots")
_LIMITS: Final[dict[str, tuple[str, Check]]] = {
    "statementSeconds": ("statement_s", whole_number(1, 3600)),
    "leaseIdleSeconds": ("lease_idle_s", whole_number(1, 7 * 86400)),
    "leaseSeconds": ("lease_s", whole_number(1, 30 * 86400)),
    "connectionsPerDatabase": ("connections_per_database", whole_number(1, 1000)),
    "connectionsPerPrincipal": ("connections_per_principal", whole_number(1, 1000)),
    "leasesPerPrincipal": ("leases_per_principal", whole_number(1, 10_000)),
    "statementsPerLease": ("statements_per_lease", whole_number(1, 1000)),
    "statementsPerPrincipal": ("statements_per_principal", whole_number(1, 1000)),
    "rows": ("rows", whole_number(1, 1_000_000)),
    "resultBytes": ("result_bytes", whole_number(1024, RESULT_MAX_BYTES)),
}
_AT_MOST: Final = (
    ("leaseIdleSeconds", "leaseSeconds"),
    ("connectionsPerPrincipal", "connectionsPerDatabase"),
    ("statementsPerLease", "statementsPerPrincipal"),
)
LIMITS: Final = {key: check for key, (_, check) in _LIMITS.items()}
LIMIT_FIELDS: Final = {key: name for key, (name, _) in _LIMITS.items()}
"""The fields of `Limits`, by their keys in the file."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What no client may exceed; the file's `limits`."""

    statement_s: int = 30
    lease_idle_s: int = 1800
    lease_s: int = 28_800
    connections_per_database: int = 32
    connections_per_principal: int = 24
    leases_per_principal: int = 64
    statements_per_lease: int = 32
    statements_per_principal: int = 128
    rows: int = 10_000
    result_bytes: int = 16 << 20


@dataclass(frozen=True, kw_only=True)
class Dynamic:
    """What clients with a password of their own may do."""

    accepts_plaintext: bool = False
    """Whether `connect_storage` takes a password in its arguments."""
    targets: tuple[AllowedTarget, ...] = LOOPBACK_TARGETS


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """All that the user's file says."""

    path: Path
    connections: dict[ConnectionName, Connection | File]
    limits: Limits = field(default_factory=Limits)
    dynamic: Dynamic = field(default_factory=Dynamic)
    sqlite_roots: tuple[Path, ...] = ()
    """Absolute, and free of symbolic links when they were read."""

    def servers(self) -> dict[ConnectionName, Connection]:
        """Return the connections to database servers."""
        return {n: one for n, one in self.connections.items() if isinstance(one, Connection)}

    def files(self) -> dict[ConnectionName, File]:
        """Return the connections to SQLite files."""
        return {n: one for n, one in self.connections.items() if isinstance(one, File)}


def read_configuration(path: Path) -> Configuration:
    """Return the configuration in *path*; raise ConfigurationError."""
    try:
        found = read_json(path)
    except NotJsonError as error:
        raise ConfigurationError(f"configuration {path} {error}") from None
    return check_configuration(found, path=path)


def check_configuration(found: object, *, path: Path) -> Configuration:
    """Return the configuration that the parsed file *found* says; raise ConfigurationError."""
    whole = as_object(found, f"configuration {path}:", f"configuration {path}: it")
    refuse_unknown(whole, KEYS, f"configuration {path}:")
    if "connections" not in whole:
        raise ConfigurationError(f'configuration {path}: key "connections" is missing')
    where = f'configuration {path}: "connections"'
    named = as_object(whole["connections"], where, where)
    if not 1 <= len(named) <= CONNECTIONS_MAX:
        raise ConfigurationError(f"{where} must name 1 to {CONNECTIONS_MAX} connections")
    roots = _roots(whole.get("sqliteRoots", []), path)
    return Configuration(
        path=path,
        connections={
            read_name(name, path): read_connection(name, one, path=path, roots=roots)
            for name, one in named.items()
        },
        limits=_limits(whole.get("limits", JsonObject()), path),
        dynamic=_dynamic(whole, path),
        sqlite_roots=roots,
    )


def _dynamic(whole: JsonObject, path: Path) -> Dynamic:
    plaintext = whole.get("plaintextPasswords", "refuse")
    expected = choice("accept", "refuse")(plaintext)
    if expected is not None:
        raise ConfigurationError(f'configuration {path}: "plaintextPasswords" must be {expected}')
    if "dynamicTargets" not in whole:
        return Dynamic(accepts_plaintext=plaintext == "accept")
    targets = read_targets(whole["dynamicTargets"], path=path)
    return Dynamic(accepts_plaintext=plaintext == "accept", targets=targets)


def _roots(found: object, path: Path) -> tuple[Path, ...]:
    where = f'configuration {path}: "sqliteRoots"'
    if not isinstance(found, list) or len(found) > ROOTS_MAX:
        raise ConfigurationError(f"{where} must be a list of at most {ROOTS_MAX} directories")
    roots: list[Path] = []
    for number, one in enumerate(found, 1):
        if text(PATH_MAX_CHARACTERS)(one) is not None:
            raise ConfigurationError(f"{where}, entry {number}: it must be a directory's path")
        root = (path.parent / str(one)).resolve()
        if not root.is_dir():
            raise ConfigurationError(f"{where}, entry {number}: there is no such directory")
        if root == Path(root.anchor):
            raise ConfigurationError(
                f"{where}, entry {number}: it must be a directory for databases, not the root of "
                "all files"
            )
        roots.append(root)
    return tuple(roots)


def _refuse_idle_limits(keys: JsonObject, where: str) -> None:
    """Refuse a limit that another one keeps from ever being reached, where both are written."""
    for smaller, larger in _AT_MOST:
        least, most = keys.get(smaller), keys.get(larger)
        if isinstance(least, int) and isinstance(most, int) and least > most:
            raise ConfigurationError(f'{where} key "{smaller}" must be at most "{larger}"')


def _limits(found: object, path: Path) -> Limits:
    where = f'configuration {path}: "limits":'
    keys = as_object(found, where, f'configuration {path}: "limits"')
    check_keys(keys, LIMITS, where)
    _refuse_idle_limits(keys, where)
    return Limits(
        **{LIMIT_FIELDS[key]: value for key, value in keys.items() if isinstance(value, int)}
    )
