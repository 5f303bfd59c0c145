"""What an executor gives up before its first statement, for good.

It opens no socket but Unix ones, starts no program, looks into no process and reads no file: all
that it needs is loaded, and its databases come as descriptors. Where the kernel cannot enforce one
of these, the log says which; the rest still holds.
"""

import resource
import sys
from pathlib import Path
from typing import Final

from executor import landlock, seccomp
from executor.settings import ExecutorSettings
from wire.logs import Log

DESCRIPTORS_MAX: Final = 1024
"""Far above what the largest number of slots can need."""


def confine(settings: ExecutorSettings, log: Log) -> None:
    """Give up what is never needed; before any thread starts, since threads keep what they had."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = DESCRIPTORS_MAX if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_MAX)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    if sys.platform != "linux":
        lost = ["new_sockets", "programs", "other_processes", "other_files"]
    else:
        # seccomp leaves Landlock's calls alone, and Landlock must still find the directory.
        lost = landlock.keep_only([Path(settings.adopt_dir)]) + seccomp.give_up()
    for guarantee in lost:
        log.warning("guarantee_lost", guarantee=guarantee)
