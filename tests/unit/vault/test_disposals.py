"""An executor gives a pool up, or its sessions end, or it does."""

from tests.unit.vault.making import BOB, EXECUTOR, OTHER_EXECUTOR, a_pool
from vault.disposals import CONFIRM_S, Disposals, EndSessions, Kill

POOL = a_pool()


class Done:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def begun(*executors: str, now: float = 0) -> tuple[Disposals, Done]:
    disposals, done = Disposals(), Done()
    names = [type(EXECUTOR)(executor) for executor in executors]
    disposals.begin(POOL, names, now=now, when_done=done)
    return disposals, done


def test_it_is_done_when_every_executor_has_confirmed() -> None:
    disposals, done = begun(EXECUTOR, OTHER_EXECUTOR)

    disposals.confirmed(POOL, EXECUTOR)
    assert done.times == 0
    disposals.confirmed(POOL, OTHER_EXECUTOR)
    disposals.confirmed(POOL, OTHER_EXECUTOR)

    assert done.times == 1
    assert disposals.tick(now=1e9) == []


def test_without_executors_it_is_done_at_once() -> None:
    _, done = begun()

    assert done.times == 1


def test_an_executor_that_is_gone_has_given_everything_up() -> None:
    disposals, done = begun(EXECUTOR)

    disposals.gone(EXECUTOR)

    assert done.times == 1
    assert disposals.tick(now=100) == []


def test_a_confirmation_of_another_pool_or_executor_counts_for_nothing() -> None:
    disposals, done = begun(EXECUTOR)

    disposals.confirmed(a_pool(BOB), EXECUTOR)
    disposals.confirmed(POOL, OTHER_EXECUTOR)

    assert done.times == 0
    assert disposals.pending(EXECUTOR) == [POOL]
    assert disposals.pending(OTHER_EXECUTOR) == []


def test_who_is_late_loses_its_sessions_and_then_its_life() -> None:
    disposals, _ = begun(EXECUTOR, OTHER_EXECUTOR)
    disposals.confirmed(POOL, OTHER_EXECUTOR)

    assert disposals.tick(now=CONFIRM_S - 0.1) == []
    assert disposals.tick(now=CONFIRM_S) == [EndSessions(EXECUTOR, POOL)]
    assert disposals.tick(now=2 * CONFIRM_S - 0.1) == []
    assert disposals.tick(now=2 * CONFIRM_S) == [Kill(EXECUTOR)]


def test_what_waits_for_the_end_of_a_disposal_happens_then_and_otherwise_at_once() -> None:
    disposals, _ = begun(EXECUTOR)
    later, at_once = Done(), Done()

    disposals.after(POOL, later)
    disposals.after(a_pool(BOB), at_once)

    assert (later.times, at_once.times) == (0, 1)
    disposals.confirmed(POOL, EXECUTOR)
    assert later.times == 1


def test_a_disposal_that_is_begun_again_waits_for_all_and_does_both() -> None:
    disposals, first = begun(EXECUTOR)
    second = Done()
    disposals.begin(POOL, [OTHER_EXECUTOR], now=1, when_done=second)

    disposals.confirmed(POOL, OTHER_EXECUTOR)
    assert (first.times, second.times) == (0, 0)
    disposals.confirmed(POOL, EXECUTOR)

    assert (first.times, second.times) == (1, 1)


def test_what_is_done_may_begin_the_next_disposal_of_the_same_pool() -> None:
    disposals = Disposals()
    disposals.begin(
        POOL,
        [EXECUTOR],
        now=0,
        when_done=lambda: disposals.begin(POOL, [OTHER_EXECUTOR], now=1),
    )

    disposals.confirmed(POOL, EXECUTOR)

    assert disposals.pending(OTHER_EXECUTOR) == [POOL]
