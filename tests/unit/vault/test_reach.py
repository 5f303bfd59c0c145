"""A server that cannot be reached is left alone for a while, and tried by one login at a time."""

from hypothesis import given
from hypothesis import strategies as st

from vault.reach import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    NO_PROBE,
    SERVERS_MAX,
    Reach,
    Server,
)

HERE = Server("db.example", 5432)
THERE = Server("db.example", 5433)


def away(failures: int) -> tuple[Reach, float]:
    """Return a record of so many failed tries in a row, each at its time, and when the last was."""
    reach, now = Reach(), 100.0
    reach.unreached(HERE, probe=NO_PROBE, now=now)
    for _ in range(failures - 1):
        now += reach.next_try_s(HERE, now=now) or 0.0
        reach.unreached(HERE, probe=reach.begin(HERE, now=now), now=now)
    return reach, now


def test_a_server_of_which_nothing_is_known_may_be_tried_by_anybody() -> None:
    reach = Reach()

    assert reach.may_try(HERE, now=0)
    assert reach.begin(HERE, now=0) == NO_PROBE
    assert reach.may_try(HERE, now=0)
    assert reach.next_try_s(HERE, now=0) is None


def test_after_a_failure_nobody_tries_until_the_pause_is_over() -> None:
    reach, now = away(1)

    assert not reach.may_try(HERE, now=now)
    assert reach.is_paused(HERE, now=now)
    assert not reach.may_try(HERE, now=now + FIRST_PAUSE_S - 0.01)
    assert reach.may_try(HERE, now=now + FIRST_PAUSE_S)


def test_each_pause_is_twice_as_long_up_to_a_limit() -> None:
    pauses = [reach.next_try_s(HERE, now=now) for reach, now in map(away, range(1, 9))]

    assert pauses == [FIRST_PAUSE_S * 2**n for n in range(6)] + [LONGEST_PAUSE_S] * 2


def test_a_server_that_is_away_for_weeks_is_still_tried() -> None:
    reach, now = away(100_000)

    assert reach.next_try_s(HERE, now=now) == LONGEST_PAUSE_S
    assert reach.may_try(HERE, now=now + LONGEST_PAUSE_S)


def test_while_a_probe_is_on_its_way_nobody_else_tries() -> None:
    reach, now = away(1)
    later = now + FIRST_PAUSE_S

    probe = reach.begin(HERE, now=later)

    assert probe != NO_PROBE
    assert not reach.may_try(HERE, now=later + 3600)
    assert not reach.is_paused(HERE, now=later)
    assert reach.begin(HERE, now=later + 3600) == NO_PROBE


def test_a_probe_that_ends_without_telling_makes_room_for_another() -> None:
    reach, now = away(3)
    later = now + LONGEST_PAUSE_S
    probe = reach.begin(HERE, now=later)

    reach.untold(HERE, probe=probe)

    assert reach.may_try(HERE, now=later)
    assert reach.begin(HERE, now=later) not in {probe, NO_PROBE}


def test_the_first_connection_that_comes_about_ends_the_pause() -> None:
    reach, now = away(8)

    reach.reached(HERE)
    may_try = reach.may_try(HERE, now=now)
    reach.unreached(HERE, probe=NO_PROBE, now=now)

    assert may_try
    assert reach.next_try_s(HERE, now=now) == FIRST_PAUSE_S


def test_many_logins_that_fail_together_are_one_failure() -> None:
    reach, now = away(1)

    for _ in range(16):
        reach.unreached(HERE, probe=NO_PROBE, now=now + 0.1)

    assert reach.may_try(HERE, now=now + FIRST_PAUSE_S)


def test_a_late_word_of_an_old_probe_does_not_speak_for_the_new_one() -> None:
    reach, now = away(1)
    old = reach.begin(HERE, now=now + FIRST_PAUSE_S)
    reach.reached(HERE)
    reach.unreached(HERE, probe=NO_PROBE, now=now + 10)
    new = reach.begin(HERE, now=now + 20)

    reach.untold(HERE, probe=old)
    reach.unreached(HERE, probe=old, now=now + 21)

    assert new not in {old, NO_PROBE}
    assert not reach.may_try(HERE, now=now + 3600)


def test_one_server_does_not_pay_for_another() -> None:
    reach, now = away(5)

    assert reach.may_try(THERE, now=now)
    assert reach.away_s(THERE, now=now) is None
    assert reach.away_s(HERE, now=now) == now - 100.0


def test_servers_that_clients_make_up_are_not_remembered_without_end() -> None:
    reach = Reach()

    for port in range(SERVERS_MAX + 10):
        reach.unreached(Server("h", port), probe=NO_PROBE, now=0)

    assert reach.may_try(Server("h", 9), now=0)
    assert not reach.may_try(Server("h", 10), now=0)
    assert len(reach._away) == SERVERS_MAX


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "force", "reached", "unreached", "untold"]),
            st.floats(0, 20),
            st.integers(0, 5),
        )
    )
)
def test_whatever_comes_one_login_at_a_time_probes_and_no_pause_lasts(
    events: list[tuple[str, float, int]],
) -> None:
    reach, now, under_way, is_away = Reach(), 0.0, list[int](), False

    for event, pause_s, which in events:
        now += pause_s
        own = under_way.pop(which % len(under_way)) if under_way else NO_PROBE
        match event:
            case "ask" | "force":
                under_way.append(own)
                may_try = reach.may_try(HERE, now=now)
                if may_try or event == "force":
                    number = reach.begin(HERE, now=now)
                    assert (number != NO_PROBE) is (may_try and is_away)
                    under_way.append(number)
            case "reached":
                reach.reached(HERE)
                is_away = False
            case "unreached":
                reach.unreached(HERE, probe=own, now=now)
                is_away = True
            case _:
                reach.untold(HERE, probe=own)

        record = reach._away.get(HERE)
        assert (record is not None) is is_away
        if record is not None:
            assert (reach.next_try_s(HERE, now=now) or 0.0) <= LONGEST_PAUSE_S
            # A probe that counts is one that somebody still waits for.
            assert record.probe == NO_PROBE or record.probe in under_way
            assert len([n for n in under_way if n == record.probe != NO_PROBE]) <= 1
