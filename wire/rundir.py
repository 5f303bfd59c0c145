"""Where a running system is found on disk, and whose directory may be believed.

The supervisor makes the directory; the console only looks. Both refuse one that somebody else
could have put there: whoever owns it would get the token, or a client's standard streams.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

CONTROL_SOCKET: Final = "control.sock"
TOKEN: Final = "token"  # noqa: S105 - a file's name
LOG: Final = "strongroom.log"
LOCK: Final = "lock"

_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


class RunDirectoryError(Exception):
    """A run directory cannot be used; the text is the sentence for the user."""


def default_run_dir(environment: Mapping[str, str], *, uid: int) -> Path:
    """Return where a system of this user runs when nobody says otherwise."""
    session = environment.get("XDG_RUNTIME_DIR", "")
    if session.startswith("/"):
        return Path(session) / "strongroom"
    return Path("/tmp") / f"strongroom-{uid}"  # noqa: S108 - its owner is checked before use


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
        raise RunDirectoryError(f"run directory {path} belongs to another user")
    if found.st_mode & _WRITABLE_BY_OTHERS:
        raise RunDirectoryError(f"run directory {path} can be written by other users")


def own_uid() -> int:
    """Return the user that this process acts as."""
    return os.geteuid()
