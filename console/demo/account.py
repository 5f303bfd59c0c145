"""Decide as whom the demo's PostgreSQL runs, and what that user can reach."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

UNPRIVILEGED: Final = "nobody"


class DemoError(Exception):
    """The demo database cannot be had; the text is the sentence for the user."""


@dataclass(frozen=True)
class Account:
    """The user and group of the server's process and of its files."""

    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Whether the process has to change to it."""
        return self.uid != os.geteuid()

    @property
    def user_change(self) -> int | None:
        """The user to change to, as `subprocess` wants it."""
        return self.uid if self.is_other else None

    @property
    def group_change(self) -> int | None:
        """The group to change to, as `subprocess` wants it."""
        return self.gid if self.is_other else None

    @property
    def groups_change(self) -> list[int] | None:
        """The supplementary groups to change to: none of root's."""
        return [] if self.is_other else None


def server_account() -> Account:
    """Return ourselves, or `nobody` for root, as whom PostgreSQL refuses to run."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise DemoError(
            f"PostgreSQL does not run as root, and this system has no user {UNPRIVILEGED}: "
            "start as an ordinary user, or give --config"
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def owner_of(path: Path) -> Account:
    """Return whose *path* is."""
    status = path.stat()
    return Account(status.st_uid, status.st_gid)


def is_reachable(path: Path) -> bool:
    """Tell whether a user who owns nothing on the way may enter every directory above *path*."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def is_open_to_others(path: Path) -> bool:
    """Tell whether such a user can also read *path* itself."""
    return is_reachable(path) and bool(path.stat().st_mode & stat.S_IROTH)
