"""Make the run directory: one system in it, one directory per edge, a new token each time."""

import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from wire.names import Role
from wire.rundir import (
    CONTROL_SOCKET,
    LOCK,
    TOKEN,
    RunDirectoryError,
    own_uid,
    take,
)

SOCKET_PATH_MAX_BYTES: Final = 107
"""`sun_path` of a Unix socket holds 108 bytes, one of them the final zero."""

LONGEST_INSIDE: Final = "/adopt/executor-64/.s.PGSQL.65535"
"""The longest socket path that is made below a run directory."""

RUN_DIR_MAX_BYTES: Final = SOCKET_PATH_MAX_BYTES - len(LONGEST_INSIDE)

_EDGES: Final[dict[Role, str]] = {
    "gateway": "gateways",
    "executor": "executors",
    "file-executor": "files",
    "vault": "vault",
}
_ROUTER_SOCKET: Final = "router.sock"
_ADOPT: Final = "adopt"
_TOKEN_BYTES: Final = 32


class AlreadyRunningError(RunDirectoryError):
    """Another supervisor has this run directory."""


class Token(NamedTuple):
    """What an HTTP client of this user presents, and all that a gateway knows of it."""

    text: str
    sha256: str


@dataclass(frozen=True)
class RunDirectory:
    """A run directory that is ours until the lock's descriptor is closed."""

    path: Path
    lock: int

    def endpoint(self, role: Role) -> str:
        """Return where peers of *role* find the router."""
        return f"ipc://{self.edge(role) / _ROUTER_SOCKET}"

    def edge(self, role: Role) -> Path:
        """Return the directory of the socket between router and *role*."""
        return self.path / _EDGES[role]

    def adopt_dir(self, name: str) -> Path:
        """Return the directory in which only that executor may make sockets."""
        return self.path / _ADOPT / name

    @property
    def control_socket(self) -> Path:
        """Return where the console finds us."""
        return self.path / CONTROL_SOCKET

    def write_token(self) -> Token:
        """Write a new token for HTTP clients of this user."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        path = self.path / TOKEN
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
            file.write(token + "\n")
        return Token(token, hashlib.sha256(token.encode()).hexdigest())

    def clear(self) -> None:
        """Remove what only a running system has, by name and kind; all else stays."""
        _remove(self.path / CONTROL_SOCKET, stat.S_ISSOCK)
        _remove(self.path / TOKEN, stat.S_ISREG)
        for role in _EDGES:
            _remove(self.edge(role) / _ROUTER_SOCKET, stat.S_ISSOCK)
            _remove_directory(self.edge(role))
        adopt = self.path / _ADOPT
        for directory in _directories(adopt):
            # An executor may name its sockets as it likes, and can make nothing but sockets.
            for socket in directory.iterdir():
                _remove(socket, stat.S_ISSOCK)
            _remove_directory(directory)
        _remove_directory(adopt)


def claim(path: Path, *, executors: Iterable[str]) -> RunDirectory:
    """Make *path* ours; raise RunDirectoryError when it is too long, another's, or in use."""
    path = path.absolute()
    if len(os.fsencode(path)) > RUN_DIR_MAX_BYTES:
        raise RunDirectoryError(
            f"run directory {path} is too long: its path may have {RUN_DIR_MAX_BYTES} bytes, "
            "because sockets are made in it"
        )
    try:
        take(path, uid=own_uid())
        found = RunDirectory(path, _lock(path))
        found.clear()
        _make_directories(found, executors)
    except OSError as error:
        at = f" ({error.filename})" if error.filename else ""
        raise RunDirectoryError(
            f"run directory {path} cannot be used: {error.strerror}{at}"
        ) from None
    return found


def _remove(path: Path, is_kind: Callable[[int], bool]) -> None:
    with suppress(FileNotFoundError):
        if is_kind(path.lstat().st_mode):
            path.unlink()


def _remove_directory(path: Path) -> None:
    """Remove a directory of ours, unless somebody put something into it."""
    with suppress(OSError):
        path.rmdir()


def _directories(parent: Path) -> list[Path]:
    """Return the directories of executors, links not followed."""
    try:
        if not stat.S_ISDIR(parent.lstat().st_mode):
            return []
    except FileNotFoundError:
        return []
    return [path for path in parent.glob("executor-*") if stat.S_ISDIR(path.lstat().st_mode)]


def _lock(path: Path) -> int:
    """Return the descriptor of the lock file, locked, with our process id in it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path / LOCK, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise AlreadyRunningError(
            f"already running on {path} (process {holder or 'unknown'}): "
            f"`strongroom status --run-dir {path}` shows it, Ctrl-C there stops it; "
            "for a second one give another --run-dir and --listen"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    return descriptor


def _make_directories(found: RunDirectory, executors: Iterable[str]) -> None:
    for role in _EDGES:
        found.edge(role).mkdir(mode=0o710)
    (found.path / _ADOPT).mkdir(mode=0o711)
    for name in executors:
        found.adopt_dir(name).mkdir(mode=0o700)
