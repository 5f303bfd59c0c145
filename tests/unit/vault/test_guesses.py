"""How often one principal may fail: some times a minute, over all servers and accounts."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vault.making import ALICE, BOB
from vault.guesses import FAILURES_MAX, WINDOW_S, Guesses

ACCOUNTS: Final = [f"user{n}@db:5432" for n in range(FAILURES_MAX + 2)]


def fail(guesses: Guesses, account: str, *, now: float) -> None:
    guesses.begin(ALICE, account)
    guesses.ended(ALICE, account, failed=True, now=now)


def test_after_some_failures_nothing_is_tried_until_the_first_is_a_minute_old() -> None:
    guesses = Guesses()
    for n, account in enumerate(ACCOUNTS[:FAILURES_MAX]):
        assert guesses.pause_s(ALICE, account, now=n) == 0
        fail(guesses, account, now=n)

    assert guesses.pause_s(ALICE, "another", now=FAILURES_MAX) == WINDOW_S - FAILURES_MAX
    assert guesses.pause_s(ALICE, "another", now=WINDOW_S - 1) == 1
    assert guesses.pause_s(ALICE, "another", now=WINDOW_S) == 0


def test_another_principal_is_not_held_up() -> None:
    guesses = Guesses()
    for account in ACCOUNTS[:FAILURES_MAX]:
        fail(guesses, account, now=0)

    assert guesses.pause_s(BOB, ACCOUNTS[0], now=0) == 0


def test_what_works_does_not_count() -> None:
    guesses = Guesses()
    for _ in range(10 * FAILURES_MAX):
        guesses.begin(ALICE, "good")
        guesses.ended(ALICE, "good", failed=False, now=0)

    assert guesses.pause_s(ALICE, "good", now=0) == 0


def test_what_has_not_ended_counts_as_failing_once_for_each_account() -> None:
    guesses = Guesses()
    for account in ACCOUNTS[:FAILURES_MAX]:
        for _ in range(3):
            assert guesses.pause_s(ALICE, account, now=0) == 0
            guesses.begin(ALICE, account)

    assert guesses.pause_s(ALICE, ACCOUNTS[-1], now=0) > 0
    assert guesses.pause_s(ALICE, ACCOUNTS[0], now=0) == 0


@given(st.lists(st.tuples(st.sampled_from(ACCOUNTS), st.booleans(), st.floats(0, 30)), max_size=60))
def test_no_more_fail_in_a_minute_than_may_if_each_asks_before_it_tries(
    tries: list[tuple[str, bool, float]],
) -> None:
    guesses, failed_at, now = Guesses(), list[float](), 0.0
    for account, fails, later_s in tries:
        now += later_s
        if guesses.pause_s(ALICE, account, now=now) > 0:
            assert len([at for at in failed_at if at + WINDOW_S > now]) == FAILURES_MAX
            continue
        guesses.begin(ALICE, account)
        guesses.ended(ALICE, account, failed=fails, now=now)
        failed_at += [now] if fails else []

    for at in failed_at:
        assert len([one for one in failed_at if at - WINDOW_S < one <= at]) <= FAILURES_MAX


def test_one_who_tries_nothing_is_forgotten() -> None:
    guesses = Guesses()
    fail(guesses, "account", now=0)

    guesses.pause_s(ALICE, "account", now=WINDOW_S)

    assert guesses._tabs == {}
