"""Which of many equal events are told."""

from hypothesis import given
from hypothesis import strategies as st

from wire.repeats import APART_S, KEPT_MAX, Repeats


def test_the_first_of_a_kind_is_told_and_the_next_second_says_how_many_were_not() -> None:
    repeats = Repeats()

    told = [repeats.admit("a", now=now) for now in (0.0, 0.1, 0.9, APART_S, APART_S + 0.5)]

    assert told == [0, None, None, 2, None]
    assert repeats.admit("b", now=0.5) == 0


def test_kinds_and_senders_that_somebody_makes_up_are_not_remembered_without_end() -> None:
    repeats = Repeats()

    for number in range(KEPT_MAX + 10):
        repeats.admit(number, now=0.0)

    assert len(repeats._told) == KEPT_MAX
    assert repeats.admit(0, now=0.0) == 0


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 2))))
def test_whatever_comes_lines_are_apart_and_no_event_is_uncounted(
    events: list[tuple[str, float]],
) -> None:
    repeats, now = Repeats(), 0.0
    told: dict[str, list[float]] = {"a": [], "b": []}
    untold = {"a": 0, "b": 0}

    for kind, pause_s in events:
        now += pause_s
        answer = repeats.admit(kind, now=now)
        if answer is None:
            untold[kind] += 1
            continue
        assert answer == untold[kind]
        assert not told[kind] or now >= told[kind][-1] + APART_S
        untold[kind] = 0
        told[kind].append(now)
