"""The state survives a kill at any byte of a write."""

import os

import pytest
from hypothesis import example, given, settings
from hypothesis.strategies import binary, integers

from tests.unit.vault.making import BOB, EXECUTOR, a_memory, a_pool, a_state_memory, keys
from vault.leases import LEASES_MAX, Lease
from vault.loans import LOANS_MAX, Loan
from vault.settings import NamedConnection
from vault.state import (
    SLOT_BYTES,
    STATE_BYTES,
    Credential,
    Slots,
    State,
    StateTooLargeError,
    map_state,
)
from wire.destination import HOST_MAX, NAME_MAX_BYTES, PASSWORD_MAX_BYTES
from wire.names import ConnectionId, ConnectionName, Handle, Incarnation, PoolKey, Principal

KEYS = keys()
HEAD_BYTES = 12


def a_state(number: int) -> State:
    return State(
        credentials={f"NAME_{number}": Credential("user", os.urandom(40))},
        leases=(Lease(ConnectionId("A" * 43), a_pool(), float(number), 2.5),),
        loans=(Loan(Handle("01"), EXECUTOR, a_pool(BOB), number, b"key"),),
    )


def a_brought(name: ConnectionName) -> NamedConnection:
    """Return a connection with the longest names that a client may bring."""
    return NamedConnection(
        engine="postgresql",
        host="h" * HOST_MAX,
        port=65535,
        database="ü" * NAME_MAX_BYTES,
        access="read-write",
        variable=name,
    )


def saved(*states: State) -> bytearray:
    memory = a_state_memory()
    slots = Slots(memory, KEYS)
    for state in states:
        slots.save(state)
    return memory


OLD, NEWER, NEWEST = a_state(1), a_state(2), a_state(3)
BEFORE = saved(OLD, NEWER)


def the_next_write() -> list[tuple[int, bytes]]:
    """Return what saving NEWEST writes over BEFORE, in order: each place and its bytes."""
    memory = Recording(BEFORE)
    slots = Slots(memory, KEYS)
    slots.load()
    slots.save(NEWEST)
    return memory.writes


class Recording(bytearray):
    """A memory that keeps its writes."""

    def __init__(self, content: bytearray) -> None:
        super().__init__(content)
        self.writes: list[tuple[int, bytes]] = []

    def __setitem__(self, place: object, value: object) -> None:
        assert isinstance(place, slice)
        assert isinstance(value, bytes)
        self.writes.append((place.start, value))


WRITES = the_next_write()
WRITTEN_BYTES = sum(len(value) for _, value in WRITES)


def test_nothing_is_found_where_nothing_was_written() -> None:
    assert Slots(a_state_memory(), KEYS).load() is None


def test_the_newest_state_is_found_after_any_number_of_writes() -> None:
    for count in range(1, 6):
        states = [a_state(number) for number in range(count)]

        assert Slots(saved(*states), KEYS).load() == states[-1]


def test_the_next_life_writes_on_where_the_last_one_stopped() -> None:
    memory = saved(OLD, NEWER)
    slots = Slots(memory, KEYS)
    slots.load()

    slots.save(NEWEST)

    assert Slots(memory, KEYS).load() == NEWEST


@settings(deadline=None)
@example(0)
@example(WRITTEN_BYTES)
@example(WRITTEN_BYTES - HEAD_BYTES)
@given(integers(0, WRITTEN_BYTES))
def test_a_write_that_stops_at_any_byte_leaves_the_older_or_the_newer_state(cut: int) -> None:
    memory, left = bytearray(BEFORE), cut
    for start, value in WRITES:
        part = value[:left]
        memory[start : start + len(part)] = part
        left -= len(part)

    found = Slots(memory, KEYS).load()

    assert found in (NEWER, NEWEST)
    assert (found == NEWEST) or cut < WRITTEN_BYTES
    assert (found == NEWER) or cut > WRITTEN_BYTES - HEAD_BYTES


def test_a_write_ends_with_the_head_of_its_slot() -> None:
    assert [len(value) for _, value in WRITES][-1] == HEAD_BYTES


@pytest.mark.parametrize("number", [0, 1])
def test_one_corrupted_slot_leaves_the_other(number: int) -> None:
    memory = bytearray(BEFORE)
    memory[number * SLOT_BYTES + HEAD_BYTES + 20] ^= 1

    assert Slots(memory, KEYS).load() == (OLD if number == 0 else NEWER)


def test_two_corrupted_slots_are_no_state() -> None:
    memory = bytearray(BEFORE)
    for start in (0, SLOT_BYTES):
        memory[start + HEAD_BYTES + 20] ^= 1

    assert Slots(memory, KEYS).load() is None


@given(binary(min_size=HEAD_BYTES, max_size=64))
def test_noise_in_a_slot_is_no_state(noise: bytes) -> None:
    memory = a_state_memory()
    memory[: len(noise)] = noise

    assert Slots(memory, KEYS).load() is None


def test_a_state_of_other_keys_is_no_state() -> None:
    assert Slots(bytearray(BEFORE), keys()).load() is None


def test_a_slot_moved_to_the_other_s_place_is_no_state() -> None:
    memory = a_state_memory()
    memory[SLOT_BYTES:] = BEFORE[:SLOT_BYTES]

    assert Slots(memory, KEYS).load() is None


def test_an_old_slot_under_a_newer_number_is_no_state() -> None:
    memory = a_state_memory()
    memory[:SLOT_BYTES] = BEFORE[:SLOT_BYTES]
    memory[0] += 2

    assert Slots(memory, KEYS).load() is None


def test_a_state_that_does_not_fit_is_refused_and_the_last_one_stays() -> None:
    memory = bytearray(BEFORE)
    slots = Slots(memory, KEYS)
    slots.load()
    large = State(credentials={"NAME": Credential("user", bytes(SLOT_BYTES))})

    with pytest.raises(StateTooLargeError):
        slots.save(large)

    assert Slots(memory, KEYS).load() == NEWER


@pytest.mark.parametrize("size", [0, STATE_BYTES])
def test_the_first_to_map_the_memory_sizes_it_and_the_next_finds_the_state(size: int) -> None:
    descriptor = a_memory()
    os.ftruncate(descriptor, size)
    with map_state(os.dup(descriptor)) as memory:
        Slots(memory, KEYS).save(OLD)

    with map_state(descriptor) as memory:
        assert Slots(memory, KEYS).load() == OLD


def test_the_memory_shows_no_name_of_what_it_holds() -> None:
    assert not any(word in BEFORE for word in (b"NAME_", b"user", b"token:", b"executor"))


def test_all_that_may_be_on_record_fits_with_the_longest_names() -> None:
    pool = PoolKey(Principal("uid:4294967295"), ConnectionName("\N{SNAKE}" * 128), "read-write")
    executor = Incarnation("executor-64.0123456789abcdef")
    leases = [Lease(ConnectionId(f"{n:043d}"), pool, 1e9, 1e9) for n in range(LEASES_MAX)]
    loans = [Loan(Handle(f"{n:032d}"), executor, pool, 1 << 31, bytes(4)) for n in range(LOANS_MAX)]
    names = [ConnectionName(f"dynamic:{n:022d}") for n in range(LEASES_MAX)]
    credential = Credential("ü" * NAME_MAX_BYTES, bytes(PASSWORD_MAX_BYTES + 28))
    brought = {name: a_brought(name) for name in names}
    memory = a_state_memory()

    state = State(
        credentials=dict.fromkeys(names, credential),
        brought=brought,
        leases=tuple(leases),
        loans=tuple(loans),
    )
    Slots(memory, KEYS).save(state)

    assert Slots(memory, KEYS).load() is not None
