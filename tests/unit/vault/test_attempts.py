"""A credential that is refused is left alone for longer and longer."""

from vault.attempts import FIRST_PAUSE_S, FREE_TRIES, LONGEST_PAUSE_S, PROVEN_AT_ONCE, Attempts

NAME = "MAIN_DB_CREDENTIALS"


def refused(times: int, *, now: float = 0) -> Attempts:
    attempts = Attempts()
    for _ in range(times):
        attempts.refused(NAME, now=now)
    return attempts


def test_a_credential_is_tried_by_one_login_at_a_time_until_it_has_worked() -> None:
    attempts = Attempts()
    before = attempts.at_once("A")

    attempts.worked("A")
    proven = attempts.at_once("A")
    attempts.refused("A", now=0.0)

    assert (before, proven, attempts.at_once("A")) == (1, PROVEN_AT_ONCE, 1)


def test_a_credential_may_be_tried_until_it_was_refused_three_times() -> None:
    assert Attempts().may_try(NAME, now=0)
    assert refused(FREE_TRIES - 1).may_try(NAME, now=0)
    assert not refused(FREE_TRIES).may_try(NAME, now=0)


def test_the_first_pause_ends_and_each_next_one_is_twice_as_long() -> None:
    for times, pause_s in ((0, FIRST_PAUSE_S), (1, 2 * FIRST_PAUSE_S), (2, 4 * FIRST_PAUSE_S)):
        attempts = refused(FREE_TRIES + times, now=100)

        assert not attempts.may_try(NAME, now=100 + pause_s - 0.1)
        assert attempts.may_try(NAME, now=100 + pause_s)


def test_no_pause_is_longer_than_a_quarter_of_an_hour() -> None:
    attempts = refused(2_000)

    assert attempts.may_try(NAME, now=LONGEST_PAUSE_S)


def test_a_login_that_works_wipes_the_slate() -> None:
    attempts = refused(FREE_TRIES)
    attempts.worked(NAME)

    attempts.refused(NAME, now=0)

    assert attempts.may_try(NAME, now=0)


def test_one_credential_does_not_pay_for_another() -> None:
    assert refused(FREE_TRIES).may_try("OTHER", now=0)
