"""Pages for secrets: readable by the processes that map them, by nobody and nothing else.

memfd_secret(2) pages answer EIO even to root reading /proc/PID/mem, and are in no core dump and no
swap. Where the kernel has none, an ordinary memfd is locked and kept out of core dumps, and the
caller is told.
"""

import ctypes
import os
from pathlib import Path
from typing import Final, Self

PAGE_BYTES: Final = 4096

_SYS_MEMFD_SECRET: Final = 447  # the same on x86_64, aarch64 and riscv64
_PROT_READ_WRITE: Final = 3
_MAP_SHARED: Final = 1
_MADV_DONTDUMP: Final = 16
_MAP_FAILED: Final = ctypes.c_void_p(-1).value


class SecretPage:
    """One mapped page; `view` is writable, never resized and never copied by us.

    Not mmap.mmap: before Python 3.13 that keeps a duplicate of the descriptor, which could be
    taken.
    """

    def __init__(self, view: memoryview, *, is_secret: bool) -> None:
        self.view: Final = view
        self.is_secret: Final = is_secret
        """False where the page is only locked in memory."""

    def __repr__(self) -> str:
        return "SecretPage(…)"

    @classmethod
    def own(cls) -> Self:
        """Return a fresh page that dies with this process."""
        descriptor = _libc().syscall(_SYS_MEMFD_SECRET, os.O_CLOEXEC)
        if descriptor < 0:
            descriptor = os.memfd_create("page")
        os.ftruncate(descriptor, PAGE_BYTES)
        return cls.shared(descriptor)

    @classmethod
    def shared(cls, descriptor: int) -> Self:
        """Return the page behind *descriptor*, which is closed.

        Raises OSError where it cannot be mapped.
        """
        is_secret = "secretmem" in str(Path(f"/proc/self/fd/{descriptor}").readlink())
        try:
            address = _map(descriptor)
        finally:
            os.close(descriptor)
        if not is_secret:
            _libc().mlock(ctypes.c_void_p(address), ctypes.c_size_t(PAGE_BYTES))
            _libc().madvise(ctypes.c_void_p(address), ctypes.c_size_t(PAGE_BYTES), _MADV_DONTDUMP)
        page = (ctypes.c_ubyte * PAGE_BYTES).from_address(address)
        return cls(memoryview(page).cast("B"), is_secret=is_secret)


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    return libc


def _map(descriptor: int) -> int:
    address: int | None = _libc().mmap(
        None,
        ctypes.c_size_t(PAGE_BYTES),
        _PROT_READ_WRITE,
        _MAP_SHARED,
        descriptor,
        ctypes.c_long(0),
    )
    if address is None or address == _MAP_FAILED:
        raise OSError(ctypes.get_errno(), "the secret page cannot be mapped (RLIMIT_MEMLOCK?)")
    return address
