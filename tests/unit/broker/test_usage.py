"""A lease's usage is what its own principal's statements came to."""

from broker.usage import KEPT_MAX, Usages
from tests.harness.router_alone import ALICE
from tests.unit.broker.making import BOB, LEASE, OTHER_LEASE, a_connect, an_execute
from wire.faults import FaultCode
from wire.names import ConnectionId, Principal
from wire.usage import Usage


def usage(
    usages: Usages,
    lease: ConnectionId = LEASE,
    principal: Principal = ALICE,
    *,
    now: float = 10.0,
) -> Usage:
    return usages.of(lease, principal, running=0, waiting=0, now=now)


def test_statements_rows_bytes_and_faults_add_up() -> None:
    usages = Usages()
    usages.began(an_execute(), now=1)
    usages.ended(an_execute(), rows=7, size_bytes=100, now=2)
    usages.began(an_execute(), now=3)
    usages.ended(an_execute(), size_bytes=20, failed=FaultCode.DEADLINE, now=4)

    found = usages.of(LEASE, ALICE, running=1, waiting=2, now=10)

    assert found == Usage(
        since_s=9,
        statements=2,
        rows=7,
        bytes=120,
        errors=1,
        last_fault=FaultCode.DEADLINE,
        last_used_s=6,
        running=1,
        waiting=2,
    )


def test_what_somebody_else_asks_of_a_lease_is_not_counted_nor_shown() -> None:
    usages = Usages()
    usages.began(an_execute(), now=1)

    usages.ended(an_execute(principal=BOB), failed=FaultCode.INVALID_CONNECTION, now=2)

    assert usage(usages).errors == 0
    assert usage(usages, principal=BOB) == Usage()


def test_what_never_began_leaves_no_trace() -> None:
    usages = Usages()

    usages.ended(an_execute(), failed=FaultCode.INVALID_CONNECTION, now=2)
    usages.began(a_connect(), now=2)
    usages.ended(a_connect(), failed=FaultCode.LOGIN_FAILED, now=3)

    assert len(usages) == 0


def test_a_lease_that_has_ended_is_forgotten() -> None:
    usages = Usages()
    usages.began(an_execute(), now=1)

    usages.forget(LEASE)
    usages.forget(LEASE)
    usages.ended(an_execute(), rows=1, now=2)

    assert len(usages) == 0
    assert usage(usages) == Usage()


def test_no_more_than_so_many_are_kept_and_the_least_recently_used_goes_first() -> None:
    usages = Usages()
    ids = [ConnectionId(f"{number:043}") for number in range(KEPT_MAX + 1)]
    for name in ids[:-1]:
        usages.began(an_execute(connection_id=name), now=1)
    usages.began(an_execute(connection_id=ids[0]), now=2)

    usages.began(an_execute(connection_id=ids[-1]), now=3)

    assert len(usages) == KEPT_MAX
    assert usage(usages, ids[1]).last_used_s is None
    assert usage(usages, ids[0]).last_used_s == 8


def test_the_newest_come_first() -> None:
    usages = Usages()
    for name in (LEASE, OTHER_LEASE, LEASE):
        usages.began(an_execute(connection_id=name), now=1)

    assert usages.newest(5) == [LEASE, OTHER_LEASE]
    assert usages.newest(1) == [LEASE]
