"""The sealed state that outlives this process.

Two slots, so that a kill in any write leaves a whole one. The memory is a memfd of the
supervisor's, which the supervisor never maps. Each slot is a sequence number, a length, and
AES-256-GCM over the rest, bound to its sequence number; the highest that opens is the state.
"""

import mmap
import os
import struct
from typing import Final

import msgspec
from msgspec import Struct

from vault.leases import Lease
from vault.loans import Loan
from vault.seal import Keys, SealBrokenError
from vault.settings import NamedConnection
from wire.names import ConnectionName

SLOT_BYTES: Final = 16 << 20
"""Room for all the leases and loans that there may be, with the longest names."""

STATE_BYTES: Final = 2 * SLOT_BYTES

_HEAD: Final = struct.Struct("<QI")


class StateTooLargeError(Exception):
    """The state does not fit its slot; the limits on leases and loans should prevent that."""


class Credential(Struct, frozen=True, forbid_unknown_fields=True):
    """A user and the password, sealed on its own: the opened state shows none."""

    user: str
    sealed: bytes


class State(Struct, frozen=True, forbid_unknown_fields=True):
    """All that the next vault must know."""

    credentials: dict[str, Credential] = {}
    brought: dict[ConnectionName, NamedConnection] = {}
    leases: tuple[Lease, ...] = ()
    loans: tuple[Loan, ...] = ()


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(State).decode


class Slots:
    """The two slots in shared memory."""

    def __init__(self, memory: mmap.mmap | bytearray, keys: Keys) -> None:
        self._memory = memory
        self._keys = keys
        self._sequence = 0

    def load(self) -> State | None:
        """Return the newest whole state, or None where none was ever written."""
        found = [opened for number in (0, 1) if (opened := self._open(number)) is not None]
        if not found:
            return None
        self._sequence, plain = max(found)
        return _decode(plain)

    def save(self, state: State) -> None:
        """Write *state* over the older slot, length and sequence number last."""
        sequence = self._sequence + 1
        sealed = self._keys.seal_state(_encode(state), about=_about(sequence))
        if len(sealed) > SLOT_BYTES - _HEAD.size:
            raise StateTooLargeError(f"{len(sealed)} bytes")
        start = (sequence % 2) * SLOT_BYTES
        self._memory[start + _HEAD.size : start + _HEAD.size + len(sealed)] = sealed
        self._memory[start : start + _HEAD.size] = _HEAD.pack(sequence, len(sealed))
        self._sequence = sequence

    def _open(self, number: int) -> tuple[int, bytes] | None:
        start = number * SLOT_BYTES
        sequence, length = _HEAD.unpack_from(self._memory, start)
        if length > SLOT_BYTES - _HEAD.size or sequence % 2 != number:
            return None
        sealed = bytes(self._memory[start + _HEAD.size : start + _HEAD.size + length])
        try:
            return sequence, self._keys.open_state(sealed, about=_about(sequence))
        except SealBrokenError:
            return None


def map_state(descriptor: int) -> mmap.mmap:
    """Return the shared memory behind *descriptor*, sized by its first user; close it."""
    try:
        if os.fstat(descriptor).st_size < STATE_BYTES:
            os.ftruncate(descriptor, STATE_BYTES)
        return mmap.mmap(descriptor, STATE_BYTES)
    finally:
        os.close(descriptor)


def _about(sequence: int) -> bytes:
    return b"%d" % sequence
