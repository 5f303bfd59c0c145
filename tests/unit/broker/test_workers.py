"""Who has a free slot, and whose pool is warm."""

from broker.workers import Workers
from tests.unit.broker.making import A, B, granted
from wire.names import ConnectionName, PoolKey, Principal, RunId

POOL = granted(1).pool
OTHER_POOL = PoolKey(Principal("token:bob"), ConnectionName("main"), "read-write")


def workers(*, slots: int = 2) -> Workers:
    made = Workers()
    made.arrive(A, slots)
    made.arrive(B, slots)
    return made


def test_of_equally_busy_executors_the_one_with_the_pool_is_chosen() -> None:
    made = workers()
    made.start(B, RunId(1), POOL)
    made.end(B, RunId(1))

    assert made.choose(POOL) == B
    assert made.choose(OTHER_POOL) == A


def test_the_less_busy_executor_is_chosen_although_the_other_has_the_pool() -> None:
    made = workers()
    made.start(A, RunId(1), POOL)

    assert made.choose(POOL) == B


def test_without_a_free_slot_nobody_is_chosen() -> None:
    made = workers(slots=1)
    made.start(A, RunId(1), POOL)
    made.start(B, RunId(2), POOL)

    assert made.choose(POOL) is None


def test_a_choice_can_be_narrowed() -> None:
    made = workers()
    made.start(A, RunId(1), POOL)

    assert made.choose(POOL, among={A}) == A
    assert made.choose(POOL, among=()) is None


def test_a_pool_that_is_over_is_warm_nowhere() -> None:
    made = workers()
    made.start(B, RunId(1), POOL)
    made.end(B, RunId(1))

    made.cool(POOL)

    assert made.choose(POOL) == A


def test_an_executor_that_leaves_names_what_it_ran_once() -> None:
    made = workers()
    made.start(A, RunId(1), POOL)

    assert made.leave(A) == {RunId(1)}
    assert made.leave(A) == set()
    assert made.names() == (B,)


def test_a_slot_is_freed_once_and_by_its_own_executor() -> None:
    made = workers()
    made.start(A, RunId(1), POOL)

    assert not made.end(B, RunId(1))
    assert made.end(A, RunId(1))
    assert not made.end(A, RunId(1))


def test_an_overdue_executor_is_news_once_and_gets_nothing_more() -> None:
    made = workers()

    assert made.mark_overdue(A)
    assert not made.mark_overdue(A)
    made.leave(B)
    assert not made.mark_overdue(B)
    assert made.choose(POOL) is None
