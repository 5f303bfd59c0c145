"""One entry of the configuration's `connections`: a database server, or a SQLite file."""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal

from supervisor.checks import (
    PATH_MAX_CHARACTERS,
    Check,
    choice,
    host_or_socket,
    text,
    variable_name,
    whole_number,
)
from supervisor.keys import ConfigurationError, as_object, check_keys, require_keys, shown
from supervisor.login_keys import (
    LOGIN_CHECKS,
    LoginTerms,
    ServerEngine,
    read_login_terms,
    refuse_foreign,
)
from supervisor.strict_json import JsonObject
from supervisor.tls_keys import TLS_CHECKS, read_tls
from wire.lending import Tls
from wire.names import DYNAMIC, Access, ConnectionName

NAME_MAX_CHARACTERS: Final = 128
DEFAULT_PORTS: Final[dict[str, int]] = {"postgresql": 5432, "mysql": 3306}

_OTHER_NAMES: Final = {
    "mariadb": ': "mysql" is for MariaDB too',
    "postgres": '; did you mean "postgresql"?',
    "sqlite3": '; did you mean "sqlite"?',
}

CONNECTION: Final[dict[str, Check]] = {
    "type": choice("postgresql", "mysql", "sqlite", hints=_OTHER_NAMES),
    "host": host_or_socket(),
    "database": text(PATH_MAX_CHARACTERS),
    "port": whole_number(1, 65535),
    "credentialsEnv": variable_name(),
    "access": choice("read-only", "read-write"),
    **TLS_CHECKS,
    **LOGIN_CHECKS,
}
REQUIRED: Final = ("type", "host", "database", "credentialsEnv")
FILE_KEYS: Final = ("type", "database", "access")
_MISPLACED: Final = frozenset({"user", "username", "password", "passwd", "dsn", "url"})


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One configured database server."""

    engine: ServerEngine
    host: str
    """A name, an address, or the path of a Unix socket: of PostgreSQL's directory for it."""
    port: int
    database: str
    access: Access
    variable: str
    """The environment variable that held `username:password`."""
    tls: Tls | None
    """None for no encryption."""
    terms: LoginTerms

    @property
    def is_socket(self) -> bool:
        """Return whether the server listens at a Unix socket."""
        return is_socket(self.host)


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
    return _server(keys, where, access, directory=path.parent)


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


def is_socket(host: str) -> bool:
    """Return whether *host* is the path of a Unix socket."""
    return host.startswith("/")


def _server(keys: JsonObject, where: str, access: Access, *, directory: Path) -> Connection:
    require_keys(keys, REQUIRED, where)
    engine: ServerEngine = "postgresql" if keys["type"] == "postgresql" else "mysql"
    refuse_foreign(keys, where, engine)  # before what such a key would need beside it
    host, port, database = str(keys["host"]), keys.get("port"), str(keys["database"])
    if len(database) > NAME_MAX_CHARACTERS:
        expected = text(NAME_MAX_CHARACTERS)(database)
        raise ConfigurationError(f'{where} key "database" must be {expected}')
    if engine == "mysql" and is_socket(host) and port is not None:
        raise ConfigurationError(f'{where} key "port" has no effect: "host" is a socket\'s file')
    at_socket = is_socket(host)
    is_here = at_socket or is_loopback(host)
    tls = read_tls(keys, where, is_here=is_here, is_socket=at_socket, directory=directory)
    return Connection(
        engine=engine,
        host=host,
        port=port if isinstance(port, int) else DEFAULT_PORTS[engine],
        database=database,
        access=access,
        variable=str(keys["credentialsEnv"]),
        tls=tls,
        terms=read_login_terms(keys, where, engine=engine, tls=tls, directory=directory),
    )


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
