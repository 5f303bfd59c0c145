"""Overwrite what ciphers and copies have left on the stack, before a process lives on."""

import ctypes
from typing import Final

_DEEP_BYTES: Final = 256 * 1024
"""Deeper than a login and OpenSSL's handshake go."""


class _Zeros(ctypes.Structure):
    """So much, passed by value: a call puts it on the stack, in one piece."""

    _fields_ = [  # type: ignore[mutable-override] # typeshed calls it changeable; nobody does
        ("zeros", ctypes.c_char * _DEEP_BYTES)
    ]


def overwrite_stack() -> None:
    """Put zeros below the caller's frame; what its caller and those above have there stays."""
    # Arguments that the callee does not know are the caller's to clear away.
    ctypes.CDLL(None).getpid(_Zeros())
