"""Give up the file system, TCP and signals to others (Landlock), for this thread and its children.

Numbers and structs are those of linux/landlock.h. What is open already stays open.
"""

import ctypes
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_CREATE_RULESET_VERSION: Final = 1
_RULE_PATH_BENEATH: Final = 1

_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_REMOVE_FILE: Final = 1 << 5
_MAKE_REG: Final = 1 << 8
_MAKE_SOCK: Final = 1 << 9
_TRUNCATE: Final = 1 << 14

SOCKETS: Final = _REMOVE_FILE | _MAKE_SOCK
"""In a directory: make and remove sockets."""
READING: Final = _READ_FILE | _READ_DIR
"""In a directory and below: read."""
WRITING: Final = READING | _WRITE_FILE | _TRUNCATE | _MAKE_REG | _REMOVE_FILE
"""In a directory and below: read, write, make and remove files."""

# How many access rights to files each version knows; the last one that is listed goes on.
_FS_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NET_SINCE: Final = 4
_NET_BIND_AND_CONNECT: Final = 0b11
_SCOPE_SINCE: Final = 6
_SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS: Final = 0b11


def version() -> int:
    """Return the kernel's Landlock version, 0 where it has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    known = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _CREATE_RULESET_VERSION)
    return max(0, int(known))


def keep_only(kept: Mapping[Path, int]) -> list[str]:
    """Give up all but what is *kept* of each directory; return what cannot be given up."""
    known = version()
    if known == 0:
        return ["other_files", "tcp_on_lent_sockets", "signals_to_siblings"]
    ruleset = _ruleset(known)
    try:
        for directory, rights in kept.items():
            _allow(ruleset, directory, rights & _all_rights(known))
        _call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0))
    finally:
        os.close(ruleset)
    lost = []
    if known < _NET_SINCE:
        lost.append("tcp_on_lent_sockets")
    if known < _SCOPE_SINCE:
        lost.append("signals_to_siblings")
    return lost


def _ruleset(known: int) -> int:
    fields = [_all_rights(known)]
    if known >= _NET_SINCE:
        fields.append(_NET_BIND_AND_CONNECT)
    if known >= _SCOPE_SINCE:
        fields.append(_SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    return _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))


def _all_rights(known: int) -> int:
    return (1 << _FS_RIGHTS.get(known, max(_FS_RIGHTS.values()))) - 1


def _allow(ruleset: int, directory: Path, rights: int) -> None:
    descriptor = os.open(directory, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, descriptor)
        _call(_ADD_RULE, ctypes.c_int(ruleset), _RULE_PATH_BENEATH, rule, ctypes.c_uint(0))
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}")
    return result
