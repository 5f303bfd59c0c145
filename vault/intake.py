"""Credentials that came from the environment: sealed, then their memory is overwritten.

The memory holds `NAME=username:password` records, each ended by a NUL. A password is sealed from a
view of that memory; no object of Python's is ever made of it.
"""

import mmap
import os
from collections.abc import Iterator
from typing import NamedTuple

from vault.seal import Keys
from vault.state import Credential
from vault.wiping import wipe
from wire.destination import PASSWORD_MAX_BYTES


class Intake(NamedTuple):
    """What came, by variable name, and which values are not `username:password`."""

    credentials: dict[str, Credential]
    malformed: tuple[str, ...]


def take_in(descriptor: int, keys: Keys) -> Intake:
    """Seal the records behind *descriptor*, overwrite them, close it."""
    size = os.fstat(descriptor).st_size
    if size == 0:
        os.close(descriptor)
        return Intake({}, ())
    with mmap.mmap(descriptor, size) as memory:
        os.close(descriptor)
        with memoryview(memory) as view:
            try:
                return _seal_all(view, memory, keys)
            finally:
                wipe(view)


def _seal_all(view: memoryview, memory: mmap.mmap, keys: Keys) -> Intake:
    credentials, malformed = {}, []
    for start, end in _records(memory):
        equals = memory.find(b"=", start, end)
        if equals < 0:
            # No name, so nobody can be told which one; its connection reports it as missing.
            continue
        name = bytes(view[start:equals]).decode(errors="replace")
        # The first colon: a password may have more of them, a user name none.
        colon = memory.find(b":", equals, end)
        if colon <= equals + 1 or not 0 < end - colon - 1 <= PASSWORD_MAX_BYTES:
            malformed.append(name)
            continue
        try:
            user = bytes(view[equals + 1 : colon]).decode()
        except UnicodeDecodeError:
            malformed.append(name)
            continue
        with view[colon + 1 : end] as secret:
            sealed = keys.seal_credential(secret, name=name)
        credentials[name] = Credential(user, sealed)
    return Intake(credentials, tuple(malformed))


def _records(memory: mmap.mmap) -> Iterator[tuple[int, int]]:
    start = 0
    while (end := memory.find(b"\0", start)) > start:
        yield start, end
        start = end + 1
