"""One entry of the configuration's `connections`: a database server, or a SQLite file."""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal

from supervisor.checks import Check, choice, host_name, text, variable_name, whole_number
from supervisor.keys import ConfigurationError, as_object, check_keys, require_keys, shown
from supervisor.strict_json import JsonObject
from wire.names import DYNAMIC, Access, Auth, ConnectionName

NAME_MAX_CHARACTERS: Final = 128
PATH_MAX_CHARACTERS: Final = 1024
DEFAULT_PORTS: Final[dict[str, int]] = {"postgresql": 5432, "mysql": 3306}

CONNECTION: Final[dict[str, Check]] = {
    "type": choice("postgresql", "mysql", "sqlite"),
    "host": host_name(),
    "database": text(PATH_MAX_CHARACTERS),
    "port": whole_number(1, 65535),
    "credentialsEnv": variable_name(),
    "access": choice("read-only", "read-write"),
    "sslmode": choice("disable"),
    "auth": choice("scram-sha-256", "md5", "password"),
}
REQUIRED: Final = ("type", "host", "database", "credentialsEnv")
FILE_KEYS: Final = ("type", "database", "access")
_MISPLACED: Final = frozenset({"user", "username", "password", "passwd", "dsn", "url"})


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One configured database server."""

    engine: Literal["postgresql", "mysql"]
    host: str
    port: int
    database: str
    access: Access
    variable: str
    """The environment variable that held `username:password`."""
    auth: Auth
    """The weakest login that the server may ask for."""


@dataclass(frozen=True, kw_only=True)
class File:
    """One configured SQLite file."""

    path: Path
    """Absolute, and free of symbolic links when it was read."""
    access: Access
    engine: Literal["sqlite"] = "sqlite"


def read_connection(
    name: str, found: object, *, path: Path, roots: tuple[Path, ...]
) -> Connection | File:
    """Return the connection *name* of the file *path*; raise ConfigurationError."""
    where = f"configuration {path}: connection {shown(name)}:"
    keys = as_object(found, where, f"{where} it")
    _refuse_misplaced(keys, where)
    check_keys(keys, CONNECTION, where)
    require_keys(keys, ("type",), where)
    access: Access = "read-only" if keys.get("access") == "read-only" else "read-write"
    if keys["type"] == "sqlite":
        return File(path=_file(keys, where, directory=path.parent, roots=roots), access=access)
    return _server(keys, where, access)


def read_name(name: str, path: Path) -> ConnectionName:
    """Return a connection's name; raise ConfigurationError for one that cannot be."""
    expected = text(NAME_MAX_CHARACTERS)(name)
    if expected is not None or name.startswith(DYNAMIC):
        expected = expected or f'no text that begins with "{DYNAMIC}"'
        raise ConfigurationError(f"configuration {path}: a connection's name must be {expected}")
    return ConnectionName(name)


def is_loopback(host: str) -> bool:
    """Return whether nobody but this machine can listen in on the way to *host*."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _server(keys: JsonObject, where: str, access: Access) -> Connection:
    require_keys(keys, REQUIRED, where)
    engine: Literal["postgresql", "mysql"] = (
        "postgresql" if keys["type"] == "postgresql" else "mysql"
    )
    host, port, database = str(keys["host"]), keys.get("port"), str(keys["database"])
    if len(database) > NAME_MAX_CHARACTERS:
        expected = text(NAME_MAX_CHARACTERS)(database)
        raise ConfigurationError(f'{where} key "database" must be {expected}')
    if engine == "postgresql" and "sslmode" not in keys and not is_loopback(host):
        raise ConfigurationError(
            f"{where} its host is on another machine and TLS is not available yet; "
            'write "sslmode": "disable" if the network between may be trusted'
        )
    if engine == "mysql" and "auth" in keys:
        raise ConfigurationError(f'{where} key "auth" is for connections of type "postgresql"')
    return Connection(
        engine=engine,
        host=host,
        port=port if isinstance(port, int) else DEFAULT_PORTS[engine],
        database=database,
        access=access,
        variable=str(keys["credentialsEnv"]),
        auth=_auth(keys.get("auth"), where),
    )


def _auth(found: object, where: str) -> Auth:
    if found == "password":
        raise ConfigurationError(
            f'{where} "auth": "password" would have the password itself sent, which needs TLS, and '
            'TLS is not available yet; "md5" is the weakest login that can be used'
        )
    return "md5" if found == "md5" else "scram-sha-256"


def _file(keys: JsonObject, where: str, *, directory: Path, roots: tuple[Path, ...]) -> Path:
    for key in keys:
        if key not in FILE_KEYS:
            raise ConfigurationError(f'{where} key "{key}" is not for connections of type "sqlite"')
    require_keys(keys, ("database",), where)
    written = str(keys["database"])
    if written == ":memory:" or written.startswith("file:"):
        raise ConfigurationError(
            f'{where} key "database" must be the path of a file: a database in memory would be '
            "another one for each process, and gone when it ends"
        )
    if not roots:
        raise ConfigurationError(
            f'{where} "sqliteRoots" must name the directories that SQLite files may be in'
        )
    found = (directory / written).resolve()
    if not any(root in found.parents for root in roots):
        raise ConfigurationError(
            f'{where} key "database" must be a path inside one of "sqliteRoots", and no symbolic '
            "link out of it"
        )
    if found.is_dir():
        raise ConfigurationError(
            f'{where} key "database" must be the path of a file, and this one is a directory\'s'
        )
    return found


def _refuse_misplaced(keys: JsonObject, where: str) -> None:
    for key in keys:
        if key.lower() in _MISPLACED:
            raise ConfigurationError(
                f"{where} key {shown(key)} does not belong here; put username:password into the "
                'environment variable that "credentialsEnv" names'
            )
