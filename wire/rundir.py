"""Where a running system is found on disk, and whose directory may be believed.

The supervisor makes the directory; the console only looks. Both refuse one that somebody else
could have put there: whoever owns it would get the token, or a client's standard streams.
"""

import os
import pwd
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

CONTROL_SOCKET: Final = "control.sock"
TOKEN: Final = "token"  # noqa: S105 - a file's name
LOG: Final = "strongroom.log"
LOCK: Final = "lock"
MARKER: Final = ".strongroom-run"
"""Says that a directory is ours to clear: nothing else of a user may be in it."""

_OF_A_RUN: Final[dict[str, Callable[[int], bool]]] = {
    LOCK: stat.S_ISREG,
    "starting": stat.S_ISREG,
    LOG: stat.S_ISREG,
    f"{LOG}.1": stat.S_ISREG,
    CONTROL_SOCKET: stat.S_ISSOCK,
    TOKEN: stat.S_ISREG,
    **dict.fromkeys(("gateways", "executors", "files", "vault", "adopt"), stat.S_ISDIR),
}
_TELLING: Final = frozenset({LOCK, LOG, CONTROL_SOCKET})
"""Nobody else has one of these with nothing but names of ours beside it."""

_MODE: Final = 0o711
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


class RunDirectoryError(Exception):
    """A run directory cannot be used; the text is the sentence for the user."""


def default_run_dir(environment: Mapping[str, str], *, uid: int) -> Path:
    """Return where a system of this user runs when nobody says otherwise."""
    session = environment.get("XDG_RUNTIME_DIR", "")
    if session.startswith("/"):
        return Path(session) / "strongroom"
    return Path("/tmp") / f"strongroom-{uid}"  # noqa: S108 - its owner is checked before use


def run_dir_of(given: Path | None) -> Path:
    """Return the run directory that was named, or the usual one of this user."""
    return given or default_run_dir(os.environ, uid=own_uid())


def require_trusted(path: Path, *, uid: int) -> None:
    """Raise RunDirectoryError unless *path* is a directory that only *uid* (or root) can change.

    Root may look at any user's system. A symbolic link is not followed. FileNotFoundError passes
    through.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise RunDirectoryError(f"run directory {path} cannot be used: {reason}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise RunDirectoryError(f"run directory {path} is not a directory")
    if found.st_uid not in {uid, 0} and uid != 0:
        raise RunDirectoryError(f"run directory {path} belongs to {_shown_user(found.st_uid)}")
    if found.st_mode & _WRITABLE_BY_OTHERS:
        raise RunDirectoryError(f"run directory {path} can be written by other users")


def take(path: Path, *, uid: int) -> None:
    """Make *path* a run directory of *uid*: one that is new, empty, or was one before.

    Anything else raises RunDirectoryError, and nothing in it is touched. OSError passes through.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=_MODE)
        path.chmod(_MODE)  # whatever the umask took away
    except FileExistsError:
        require_usable(path, uid=uid)
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    os.close(os.open(path / MARKER, flags, 0o600))


def require_usable(path: Path, *, uid: int) -> None:
    """Raise RunDirectoryError unless *path* may become a run directory of *uid*; change nothing.

    FileNotFoundError, of a path that is free, passes through.
    """
    require_trusted(path, uid=uid)
    owner = path.stat().st_uid
    if owner != uid:
        raise RunDirectoryError(f"run directory {path} belongs to {_shown_user(owner)}")
    if any(path.iterdir()) and not (_is_marked(path, uid=uid) or _was_ours(path, uid=uid)):
        raise RunDirectoryError(
            f"{path} holds files and is no run directory of Strongroom; "
            "name one that is empty or does not exist: --run-dir DIR"
        )


def _is_marked(path: Path, *, uid: int) -> bool:
    try:
        marker = (path / MARKER).lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(marker.st_mode) and marker.st_uid == uid


def _was_ours(path: Path, *, uid: int) -> bool:
    """Tell whether all in it is what a run leaves: of an older version, or its marker was cleaned.

    Who cleans temporary directories takes what is old, and the marker is never written again.
    """
    names: set[str] = set()
    for entry in path.iterdir():
        found, is_kind = entry.lstat(), _OF_A_RUN.get(entry.name)
        if is_kind is None or not is_kind(found.st_mode) or found.st_uid != uid:
            return False
        names.add(entry.name)
    return bool(names & _TELLING)


def _shown_user(uid: int) -> str:
    try:
        return f"another user, {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"another user, of uid {uid}"


def own_uid() -> int:
    """Return the user that this process acts as."""
    return os.geteuid()
