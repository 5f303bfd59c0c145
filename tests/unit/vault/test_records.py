"""What depends on a change is done after the change is saved."""

from tests.unit.vault.making import ALICE, a_pool, a_state_memory, keys, the_settings
from vault.records import Records
from vault.state import Credential, Slots
from wire.names import ConnectionId

KEYS = keys()
ID = ConnectionId("A" * 43)


def records_in(memory: bytearray) -> Records:
    return Records(Slots(memory, KEYS), the_settings())


def test_what_waits_is_done_when_the_change_can_be_read_back() -> None:
    memory = a_state_memory()
    records = records_in(memory)
    seen: list[bool] = []
    records.leases.open(ID, a_pool(), now=0)
    records.changed()
    records.afterwards(
        lambda: seen.append(records_in(memory).leases.find(ID, ALICE, now=0) is not None)
    )
    assert seen == []

    records.flush()

    assert seen == [True]


def test_what_an_afterwards_changes_is_saved_before_what_it_puts_off() -> None:
    memory = a_state_memory()
    records = records_in(memory)
    seen: list[int] = []

    def then() -> None:
        records.leases.open(ID, a_pool(), now=0)
        records.changed()
        records.afterwards(lambda: seen.append(len(records_in(memory).leases.all())))

    records.afterwards(then)
    records.flush()

    assert seen == [1]


def test_what_waits_is_done_once_and_in_order() -> None:
    records = records_in(a_state_memory())
    done: list[int] = []
    for number in range(3):
        records.afterwards(lambda number=number: done.append(number))  # type: ignore[misc] # mypy cannot type a default in a lambda

    records.flush()
    records.flush()

    assert done == [0, 1, 2]


def test_without_a_change_nothing_is_written() -> None:
    memory = a_state_memory()

    records_in(memory).flush()

    assert memory == a_state_memory()


def test_a_second_life_knows_what_the_first_one_saved() -> None:
    memory = a_state_memory()
    first = records_in(memory)
    first.credentials["NAME"] = Credential("user", b"sealed")
    first.leases.open(ID, a_pool(), now=5)
    first.changed()
    first.flush()

    second = records_in(memory)

    assert second.credentials == {"NAME": Credential("user", b"sealed")}
    assert [lease.opened_at for lease in second.leases.all()] == [5]
