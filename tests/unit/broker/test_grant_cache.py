"""Which leases the router can run by itself, and which it renews."""

from msgspec.structs import replace

from broker.grant_cache import RETRY_S, SPARE_S, GrantCache
from tests.harness.router_alone import ALICE
from tests.unit.broker.making import BOB, LEASE, OTHER_LEASE, A, granted

LIFE_S = 60.0


def a_cache() -> GrantCache:
    cache = GrantCache()
    cache.store(granted(1, A), now=0)
    return cache


def test_a_grant_is_good_until_shortly_before_it_expires() -> None:
    cache = a_cache()

    assert cache.find(LEASE, now=LIFE_S - SPARE_S - 0.1) is not None
    assert cache.find(LEASE, now=LIFE_S - SPARE_S) is None
    assert cache.find(OTHER_LEASE, now=0) is None


def test_a_lease_in_use_is_due_at_half_its_grants_life_and_once_until_it_is_retried() -> None:
    cache = a_cache()

    assert list(cache.due(now=29)) == []
    assert list(cache.due(now=30)) == [(LEASE, ALICE)]
    cache.use(LEASE)
    assert list(cache.due(now=30 + RETRY_S - 0.1)) == []
    assert list(cache.due(now=30 + RETRY_S)) == [(LEASE, ALICE)]


def test_a_lease_that_is_not_used_after_its_renewal_is_not_renewed_again() -> None:
    cache = a_cache()
    assert list(cache.due(now=30)) == [(LEASE, ALICE)]

    cache.store(granted(2, A), now=31)

    assert list(cache.due(now=31 + LIFE_S / 2)) == []


def test_a_lease_that_is_used_while_its_renewal_is_on_its_way_is_renewed_again() -> None:
    cache = a_cache()
    assert list(cache.due(now=30)) == [(LEASE, ALICE)]
    cache.use(LEASE)

    cache.store(granted(2, A), now=31)

    assert list(cache.due(now=31 + LIFE_S / 2)) == [(LEASE, ALICE)]


def test_use_is_told_once() -> None:
    cache = a_cache()
    cache.use(LEASE)
    cache.use(LEASE)

    assert cache.take_used() == (LEASE,)
    assert cache.take_used() == ()


def test_only_what_has_expired_is_forgotten() -> None:
    cache = a_cache()
    cache.store(granted(2, A, connection_id=OTHER_LEASE), now=30)

    cache.forget_expired(now=LIFE_S)

    assert cache.find(OTHER_LEASE, now=LIFE_S) is not None
    assert not cache.is_of(LEASE, ALICE)


def test_a_pool_is_over_with_its_last_lease() -> None:
    cache = a_cache()
    cache.store(granted(2, A, connection_id=OTHER_LEASE), now=0)

    assert cache.forget(LEASE) is None
    assert cache.forget(OTHER_LEASE) == granted(1).pool
    assert cache.forget(OTHER_LEASE) is None


def test_a_lease_is_its_principal_s_alone() -> None:
    cache = a_cache()

    assert cache.is_of(LEASE, ALICE)
    assert not cache.is_of(LEASE, BOB)
    assert not cache.is_of(OTHER_LEASE, ALICE)


def test_new_grants_take_the_place_of_old_ones() -> None:
    cache = a_cache()

    cache.store(replace(granted(2), grants={A: b"new"}), now=50)

    held = cache.find(LEASE, now=100)
    assert held is not None
    assert held.grants == {A: b"new"}
