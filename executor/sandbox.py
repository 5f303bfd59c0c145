"""What an executor gives up before its first statement, for good.

It opens no socket but Unix ones, starts no program, touches no other process and neither reads nor
marks a file: all that it needs is loaded, and its databases come as descriptors. A file executor
keeps the directories of its files, and nothing else. Where the kernel cannot enforce one of these,
the log says which; the rest still holds.
"""

import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from executor import landlock, seccomp
from executor.settings import ExecutorSettings
from wire.logs import Log

DESCRIPTORS_MAX: Final = 512
"""Descriptors on their way count for the user, against the limit of who sends: an executor that
sends itself all it can leaves the others, whose limit is higher, room for theirs."""

MEMORY_BYTES: Final = 4 << 30
MEMORY_OF_A_SLOT_BYTES: Final = 1 << 30
"""Address space: for each slot as much as a server may announce as one message, since libpq takes
that at once. More is a leak, or somebody else's program."""


def confine(settings: ExecutorSettings, log: Log) -> None:
    """Give up all but sockets in the executor's own directory."""
    memory_bytes = MEMORY_BYTES + settings.slots * MEMORY_OF_A_SLOT_BYTES
    give_up({Path(settings.adopt_dir): landlock.SOCKETS}, memory_bytes=memory_bytes, log=log)


def give_up(kept: Mapping[Path, int], *, memory_bytes: int, log: Log) -> None:
    """Give up what is never needed, and all files but what Landlock calls rights to those *kept*.

    Before any thread starts, since threads keep what they had.
    """
    _limit(resource.RLIMIT_NOFILE, DESCRIPTORS_MAX)
    _limit(resource.RLIMIT_AS, memory_bytes)
    if sys.platform != "linux":
        lost = ["new_sockets", "programs", "other_processes", "other_files"]
    else:
        # seccomp leaves Landlock's calls alone, and Landlock must still find the directories.
        lost = landlock.keep_only(kept) + seccomp.give_up()
    for guarantee in lost:
        log.warning("guarantee_lost", guarantee=guarantee)


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = most if hard == resource.RLIM_INFINITY else min(hard, most)
    resource.setrlimit(kind, (value, value))
