"""Who is asked whether it lives, and who has been silent for too long."""

from hypothesis import given
from hypothesis import strategies as st

from supervisor.pulse import BEAT_S, SILENT_S, AskIt, Command, EndIt, Pulse
from wire.names import Incarnation

A, B = Incarnation("vault-1.0000000a"), Incarnation("router-1.0000000b")
BEATS = int(SILENT_S / BEAT_S)


def beats(pulse: Pulse, *present: Incarnation, times: int, since: float = 0.0) -> list[Command]:
    """Return what the last of so many beats says."""
    said: list[Command] = []
    for number in range(times):
        said = pulse.beat(present, now=since + number * BEAT_S)
    return said


def test_who_answers_is_asked_again_and_who_does_not_is_ended() -> None:
    pulse = Pulse()

    for number in range(1, BEATS + 1):
        asked = pulse.beat([A, B], now=(number - 1) * BEAT_S)
        assert AskIt(A, number) in asked
        assert (AskIt(B, number) in asked) is (number == 1)
        pulse.answered(A, number)

    assert pulse.beat([A, B], now=SILENT_S) == [EndIt(B), AskIt(A, BEATS + 1)]


def test_an_answer_to_another_question_is_none() -> None:
    pulse = Pulse()
    pulse.beat([A], now=0.0)

    pulse.answered(A, 7)
    pulse.answered(B, 1)

    assert beats(pulse, A, times=BEATS, since=BEAT_S) == [EndIt(A)]


def test_who_has_left_is_forgotten() -> None:
    pulse = Pulse()
    pulse.beat([A], now=0.0)

    pulse.beat([], now=BEAT_S)

    assert pulse.beat([A], now=SILENT_S) == [AskIt(A, 3)]


def test_the_time_that_we_slept_is_nobody_elses_silence() -> None:
    pulse = Pulse()
    pulse.beat([A], now=0.0)

    assert pulse.beat([A], now=3600.0) == []
    assert pulse.beat([A], now=3600.0 + SILENT_S) == []
    assert beats(pulse, A, times=BEATS, since=3600.0 + SILENT_S) == [EndIt(A)]


@given(st.lists(st.booleans(), max_size=60), st.integers(0, BEATS - 1))
def test_whatever_happens_who_answers_is_not_ended_and_who_does_not_is(
    answers: list[bool], patience: int
) -> None:
    pulse, asked, unanswered = Pulse(), 0, 0

    for number, answer in enumerate(answers):
        (commands, now) = (pulse.beat([A], now=number * BEAT_S), number * BEAT_S)
        asked = max([asked, *[one.number for one in commands if isinstance(one, AskIt)]])

        assert (EndIt(A) in commands) is (unanswered >= BEATS), now
        if answer and unanswered <= patience:
            pulse.answered(A, asked)
            unanswered = 0
        else:
            unanswered += 1
