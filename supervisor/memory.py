"""Memory that outlives the processes that use it: made here, passed on, never mapped here.

The key page is memfd_secret(2): no other process can read it, not even root's, and neither a core
dump nor swap holds it. The supervisor has the descriptors so that vault and router can die and go
on.
"""

import ctypes
import os
import sys
from dataclasses import dataclass
from typing import Final

from wire.logs import Log

KEY_PAGE_BYTES: Final = 4096

_SYS_MEMFD_SECRET: Final = 447  # the same number on x86_64, aarch64 and riscv


@dataclass(frozen=True)
class Memories:
    """The descriptors that the supervisor keeps for others."""

    key_page: int
    state: int
    router_key: int


def make_memories(log: Log) -> Memories:
    """Return new memories; state and router key are empty files that their owners size."""
    return Memories(
        key_page=_key_page(log),
        state=os.memfd_create("strongroom-state"),
        router_key=os.memfd_create("strongroom-router-key"),
    )


def _key_page(log: Log) -> int:
    descriptor = _memfd_secret()
    if descriptor is None:
        log.warning("guarantee_lost", guarantee="secret_pages")
        descriptor = os.memfd_create("strongroom-key-page")
    os.ftruncate(descriptor, KEY_PAGE_BYTES)
    return descriptor


def _memfd_secret() -> int | None:
    """Return a secret memory file, or None where the kernel has none (or has it switched off)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.syscall(ctypes.c_long(_SYS_MEMFD_SECRET), ctypes.c_uint(os.O_CLOEXEC))
    return descriptor if descriptor >= 0 else None
