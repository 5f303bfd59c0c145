"""The two system calls that Python lacks: both look without taking."""

import ctypes
import functools
import os
from typing import Final

# pidfd_getfd(2); the same number on every architecture.
_SYS_PIDFD_GETFD: Final = 438


def borrow_descriptor(pidfd: int, descriptor: int) -> int:
    """Return a copy of another process's descriptor; raises OSError."""
    result: int = _libc().syscall(_SYS_PIDFD_GETFD, pidfd, descriptor, 0)
    return _checked(result)


def tee(source: int, target: int, count: int) -> int:
    """Copy up to *count* bytes from pipe to pipe, leave them in both, return how many."""
    result: int = _libc().tee(source, target, ctypes.c_size_t(count), 0)
    return _checked(result)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
