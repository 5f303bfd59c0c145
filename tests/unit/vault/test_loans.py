"""Loans are capped, and an executor's word counts for its own."""

import pytest

from tests.unit.vault.making import BOB, EXECUTOR, OTHER_EXECUTOR, a_pool
from vault.loans import LOANS_MAX, Caps, LoanLimitError, Loans
from wire.lending import LoginDone
from wire.names import ConnectionName, Handle

ONE, TWO, THREE = Handle("01"), Handle("02"), Handle("03")


def two_loans(*, per_database: int = 9, per_principal: int = 9) -> Loans:
    loans = Loans(Caps(per_database, per_principal))
    loans.reserve(ONE, EXECUTOR, a_pool())
    loans.reserve(TWO, OTHER_EXECUTOR, a_pool(BOB))
    return loans


def test_the_cap_is_of_all_principals_and_executors_of_one_connection() -> None:
    loans = two_loans(per_database=2)

    with pytest.raises(LoanLimitError):
        loans.reserve(THREE, EXECUTOR, a_pool(access="read-only"))

    loans.reserve(THREE, EXECUTOR, a_pool(connection=ConnectionName("other")))
    assert len(loans.all()) == 3


def test_one_principal_cannot_take_what_others_may_want() -> None:
    loans = two_loans(per_principal=1)

    with pytest.raises(LoanLimitError):
        loans.reserve(THREE, EXECUTOR, a_pool())

    loans.reserve(THREE, EXECUTOR, a_pool(connection=ConnectionName("other")))
    assert len(loans.all()) == 3


def test_what_one_principal_brought_counts_together() -> None:
    loans = Loans(Caps(per_database=2, per_principal=2))
    brought = [a_pool(connection=ConnectionName(f"dynamic:{n}")) for n in range(3)]
    loans.reserve(ONE, EXECUTOR, brought[0])
    loans.reserve(TWO, EXECUTOR, brought[1])

    with pytest.raises(LoanLimitError):
        loans.reserve(THREE, EXECUTOR, brought[2])

    loans.reserve(THREE, EXECUTOR, a_pool(BOB, ConnectionName("dynamic:4")))
    assert len(loans.all()) == 3


def test_a_returned_connection_makes_room() -> None:
    loans = two_loans(per_database=2)

    loans.returned(EXECUTOR, [ONE])

    loans.reserve(THREE, EXECUTOR, a_pool())
    assert loans.of(EXECUTOR, THREE) is not None


def test_a_foreign_or_unknown_handle_is_neither_found_nor_returned() -> None:
    loans = two_loans()

    loans.returned(EXECUTOR, [TWO, THREE])

    assert loans.of(EXECUTOR, TWO) is None
    assert loans.of(OTHER_EXECUTOR, TWO) is not None


def test_what_an_executor_does_not_hold_is_struck_and_what_others_hold_is_not() -> None:
    loans = two_loans()
    loans.reserve(THREE, EXECUTOR, a_pool())

    loans.reconcile(EXECUTOR, [THREE, TWO])

    assert {loan.handle for loan in loans.all()} == {TWO, THREE}


def test_the_loans_of_a_lost_executor_are_taken_once() -> None:
    loans = two_loans()

    assert [loan.handle for loan in loans.take_all_of(EXECUTOR)] == [ONE]
    assert loans.take_all_of(EXECUTOR) == []
    assert [loan.handle for loan in loans.all()] == [TWO]


def test_a_session_is_noted_with_its_loan_and_no_more_when_that_is_struck() -> None:
    loans = two_loans()
    done = LoginDone(backend_id=7, cancel_key=b"key", address="192.0.2.1")

    assert loans.logged_in(ONE, done)
    loan = loans.forget(ONE)

    assert loan is not None
    assert (loan.backend_id, loan.cancel_key, loan.address) == (7, b"key", "192.0.2.1")
    assert not loans.logged_in(ONE, done)
    assert loans.forget(ONE) is None


def test_an_executor_s_loans_are_told_by_pool() -> None:
    loans = two_loans()
    loans.reserve(THREE, EXECUTOR, a_pool(BOB))

    assert [loan.handle for loan in loans.held_by(EXECUTOR, a_pool())] == [ONE]
    assert [loan.handle for loan in loans.held_by(EXECUTOR)] == [ONE, THREE]


def test_a_loan_is_interrupted_once() -> None:
    loans = two_loans()

    assert [loans.interrupt(ONE), loans.interrupt(ONE), loans.interrupt(TWO)] == [True, False, True]


def test_all_loans_together_have_a_limit() -> None:
    loans = Loans(Caps(LOANS_MAX + 1, LOANS_MAX + 1))
    for number in range(LOANS_MAX):
        loans.reserve(
            Handle(f"{number:032d}"), EXECUTOR, a_pool(connection=ConnectionName(str(number)))
        )

    with pytest.raises(LoanLimitError):
        loans.reserve(Handle("x"), EXECUTOR, a_pool())
