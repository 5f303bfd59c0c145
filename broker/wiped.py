"""Bytes that are overwritten as soon as nobody needs them, for what may have a password in it.

The gateway holds what its clients send in these, from the kernel's buffer on. What a library makes
of it in between is overwritten by whoever can name it.
"""

import ctypes
from typing import Final

_SHARED_BYTES: Final = 1
"""CPython has one object for each byte, which is everybody's."""


class Wiped(bytearray):
    """A buffer that is zeros when it is freed.

    It must neither grow nor be given anything but another buffer of this kind, unless through a
    view: either would leave a copy behind.
    """

    __slots__ = ()

    def __del__(self) -> None:
        """Overwrite what nobody needs any more."""
        self[:] = bytes(len(self))


def wipe(view: memoryview) -> None:
    """Overwrite a part of a buffer."""
    view[:] = bytes(len(view))


def overwrite(data: bytes) -> None:
    """Overwrite bytes that a library has made, and that nobody but the caller has."""
    if len(data) > _SHARED_BYTES:
        # An object that is about to be freed may be changed; its buffer is what is passed here.
        ctypes.memset(ctypes.c_char_p(data), 0, len(data))
