"""Which loans an executor has asked for and not accepted."""

from tests.unit.vault.making import EXECUTOR, HANDLE, OTHER_EXECUTOR
from vault.borrows import UNSETTLED_MAX, Borrows
from wire.names import Handle

OTHER_HANDLE = Handle("fedcba9876543210")


def test_what_is_withdrawn_is_found_once_and_by_its_own_executor_only() -> None:
    borrows = Borrows()
    borrows.add(HANDLE, EXECUTOR, 7)
    borrows.add(OTHER_HANDLE, OTHER_EXECUTOR, 7)

    assert borrows.withdraw(EXECUTOR, 8) == []
    assert borrows.withdraw(EXECUTOR, 7) == [HANDLE]
    assert borrows.withdraw(EXECUTOR, 7) == []


def test_what_is_settled_cannot_be_withdrawn() -> None:
    borrows = Borrows()
    borrows.add(HANDLE, EXECUTOR, 7)

    borrows.settled(HANDLE)

    assert borrows.withdraw(EXECUTOR, 7) == []


def test_an_executor_that_accepts_nothing_has_room_for_so_many_and_others_have_theirs() -> None:
    borrows = Borrows()
    for number in range(UNSETTLED_MAX):
        assert borrows.has_room(EXECUTOR)
        borrows.add(Handle(f"{number:032x}"), EXECUTOR, number)

    assert not borrows.has_room(EXECUTOR)
    assert borrows.has_room(OTHER_EXECUTOR)
    borrows.gone(EXECUTOR)
    assert borrows.has_room(EXECUTOR)
