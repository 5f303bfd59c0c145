"""Know the demo directories that nobody keeps any more, and remove them.

A demo's directory has a file that says it is ours, and that every process which needs the directory
holds locked: the one that prepares it and then becomes the supervisor, and the keeper. The kernel
lets go of a lock when its last holder dies, however it dies.
"""

import fcntl
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

PREFIX: Final = "strongroom-demo-"
MARKER: Final = ".strongroom-demo"


def hold(home: Path) -> int:
    """Mark *home* as a demo's directory that is in use, until the returned descriptor is closed."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(home / MARKER, flags, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def sweep(parent: Path) -> None:
    """Remove what dead demos of this user left below *parent*; nothing else is touched."""
    for home in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else's, or swept by another start meanwhile
            if _is_dead(home):
                shutil.rmtree(home, ignore_errors=True)


def _is_dead(home: Path) -> bool:
    """Tell whether *home* is a demo's directory of our own, without following a link, and unheld.

    Raises OSError where that cannot be known.
    """
    found, marker = home.lstat(), home / MARKER
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return False
    descriptor = os.open(marker, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: it is in use
    finally:
        os.close(descriptor)
    return True
