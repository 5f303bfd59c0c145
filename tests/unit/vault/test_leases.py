"""Leases end when they are idle, old, or ended; and are their principal's alone."""

import pytest

from tests.unit.vault.making import ALICE, BOB, MAIN, a_pool
from vault.leases import LeaseLimitError, Leases, Limits
from wire.names import ConnectionId

LIMITS = Limits(per_principal=2, idle_s=10, absolute_s=25)
ID = ConnectionId("A" * 43)
OTHER_ID = ConnectionId("B" * 43)
THIRD_ID = ConnectionId("C" * 43)


def one_lease() -> Leases:
    leases = Leases(LIMITS)
    leases.open(ID, a_pool(), now=0)
    return leases


def test_a_lease_is_found_by_its_principal_only() -> None:
    leases = one_lease()

    assert leases.find(ID, ALICE, now=0) is not None
    assert leases.find(ID, BOB, now=0) is None
    assert leases.find(OTHER_ID, ALICE, now=0) is None


def test_a_lease_that_is_not_used_ends_when_its_idle_time_is_over() -> None:
    leases = one_lease()

    assert leases.find(ID, ALICE, now=9.9) is not None
    assert leases.find(ID, ALICE, now=10) is None


def test_use_puts_the_end_off_but_never_beyond_the_absolute_time() -> None:
    leases = one_lease()

    leases.use([ID, OTHER_ID], now=9)
    leases.use([ID], now=18)

    assert leases.find(ID, ALICE, now=24.9) is not None
    assert leases.find(ID, ALICE, now=25) is None


def test_a_lease_that_has_expired_is_not_brought_back_by_use() -> None:
    leases = one_lease()

    leases.use([ID], now=10)

    assert leases.find(ID, ALICE, now=10) is None
    assert [lease.connection_id for lease in leases.expire(now=10)] == [ID]
    assert leases.all() == ()


def test_only_what_is_over_expires() -> None:
    leases = one_lease()
    leases.open(OTHER_ID, a_pool(), now=5)

    assert [lease.connection_id for lease in leases.expire(now=12)] == [ID]
    assert leases.expire(now=12) == []
    assert leases.has(a_pool())


def test_a_principal_can_end_its_own_leases_and_no_other() -> None:
    leases = one_lease()

    assert leases.end(ID, BOB) is None
    assert leases.end(OTHER_ID, ALICE) is None
    assert leases.end(ID, ALICE) is not None
    assert leases.end(ID, ALICE) is None
    assert not leases.has(a_pool())


def test_a_principal_with_too_many_leases_gets_no_other_and_others_do() -> None:
    leases = one_lease()
    leases.open(OTHER_ID, a_pool(connection=MAIN, access="read-only"), now=0)

    with pytest.raises(LeaseLimitError):
        leases.open(THIRD_ID, a_pool(), now=0)

    leases.open(THIRD_ID, a_pool(BOB), now=0)
    assert leases.find(THIRD_ID, BOB, now=0) is not None


def test_a_pool_is_of_one_principal_and_one_access() -> None:
    leases = one_lease()

    assert not leases.has(a_pool(BOB))
    assert not leases.has(a_pool(access="read-only"))


def test_leases_go_on_after_they_were_saved() -> None:
    leases = one_lease()
    leases.use([ID], now=9)

    again = Leases(LIMITS, leases.all())

    assert again.find(ID, ALICE, now=18) is not None
    assert again.find(ID, ALICE, now=19) is None
