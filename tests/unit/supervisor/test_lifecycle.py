"""One unit's life, event by event, with the time as an argument."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.lifecycle import (
    FAILURES_MAX,
    SETTLED_S,
    START_S,
    STOP_S,
    Begin,
    Command,
    Event,
    Finish,
    GiveUp,
    IllegalEventError,
    Kill,
    Lifecycle,
    MemberExited,
    MemberReady,
    Over,
    Spawn,
    State,
    StopAsked,
    TimeUp,
    backoff_s,
)

A, B = "vault-1", "login-server-1"


def a_running(*members: str, at: float = 0.0) -> Lifecycle:
    unit = Lifecycle(members)
    unit.handle(Begin(), now=at)
    for name in members:
        unit.handle(MemberReady(name), now=at)
    return unit


def test_a_unit_runs_when_its_last_member_is_ready() -> None:
    unit = Lifecycle([A, B])
    assert unit.handle(Begin(), now=0) == [Spawn(A), Spawn(B)]

    unit.handle(MemberReady(B), now=1)
    before = unit.state
    unit.handle(MemberReady(A), now=2)

    assert (before, unit.state) == (State.STARTING, State.RUNNING)
    assert unit.wake_at is None


def fallen(unit: Lifecycle, times: int, *, ready: bool) -> list[Command]:
    """Let the unit die so often in a row, and return what the last death led to."""
    commands: list[Command] = []
    for now in range(times):
        if unit.state is State.BACKOFF:
            unit.handle(TimeUp(), now=unit.wake_at or 0)
        if ready:
            unit.handle(MemberReady(A), now=now)
        commands = unit.handle(MemberExited(A), now=now)
    return commands


def test_what_clients_ask_for_does_not_make_an_exposed_unit_give_up() -> None:
    exposed, other = Lifecycle([A], is_exposed=True), Lifecycle([A])
    for unit in (exposed, other):
        unit.handle(Begin(), now=0)

    assert GiveUp() not in fallen(exposed, FAILURES_MAX + 3, ready=True)
    assert exposed.state is State.BACKOFF
    assert GiveUp() in fallen(other, FAILURES_MAX, ready=True)


def test_an_exposed_unit_that_never_gets_ready_gives_up() -> None:
    unit = Lifecycle([A], is_exposed=True)
    unit.handle(Begin(), now=0)

    assert GiveUp() in fallen(unit, FAILURES_MAX, ready=False)


def test_the_first_restart_is_at_once() -> None:
    unit = a_running(A)

    assert unit.handle(MemberExited(A), now=1) == [Spawn(A)]
    assert unit.starts == 2


def test_the_death_of_one_member_ends_the_others_before_all_start_again() -> None:
    unit = a_running(A, B)

    assert unit.handle(MemberExited(A), now=1) == [Kill(B)]
    assert unit.state is State.FALLING
    assert unit.handle(MemberExited(B), now=1) == [Spawn(A), Spawn(B)]


def test_the_pause_doubles_up_to_its_limit() -> None:
    pauses = [backoff_s(failures) for failures in range(9)]

    assert pauses == [0, 0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]


def test_a_unit_waits_out_its_pause() -> None:
    unit = a_running(A)
    unit.handle(MemberExited(A), now=1)

    assert unit.handle(MemberExited(A), now=1) == []
    assert unit.state is State.BACKOFF
    assert unit.wake_at == pytest.approx(1.1)
    assert unit.handle(TimeUp(), now=1.05) == []
    assert unit.handle(TimeUp(), now=1.2) == [Spawn(A)]


def test_a_unit_that_keeps_failing_gives_up() -> None:
    unit = Lifecycle([A])
    unit.handle(Begin(), now=0)
    said: list[Command] = []

    for second in range(1, FAILURES_MAX + 1):
        unit.handle(TimeUp(), now=5.0 * second)
        said = unit.handle(MemberExited(A), now=5.0 * second)

    assert said == [Over(), GiveUp()]
    assert unit.state is State.EXITED


def test_failures_long_ago_do_not_count() -> None:
    unit = Lifecycle([A])
    unit.handle(Begin(), now=0)

    for n in range(1, 3 * FAILURES_MAX):
        unit.handle(MemberExited(A), now=100.0 * n)

    assert unit.state is State.STARTING


def test_a_life_that_was_ready_long_enough_forgives_what_was_before() -> None:
    unit = a_running(A)
    unit.handle(MemberExited(A), now=1)
    unit.handle(MemberReady(A), now=1)

    assert unit.handle(MemberExited(A), now=1 + SETTLED_S) == [Spawn(A)]


def test_a_unit_that_is_not_ready_in_time_is_killed() -> None:
    unit = Lifecycle([A, B])
    unit.handle(Begin(), now=0)
    unit.handle(MemberReady(A), now=1)

    assert unit.handle(TimeUp(), now=START_S) == [Kill(B), Kill(A)]


def test_a_member_that_does_not_finish_in_time_is_killed() -> None:
    unit = a_running(A, B)
    assert unit.handle(StopAsked(), now=5) == [Finish(B), Finish(A)]
    unit.handle(MemberExited(B), now=5)

    assert unit.handle(TimeUp(), now=5 + STOP_S) == [Kill(A)]
    assert unit.handle(MemberExited(A), now=6) == [Over()]
    assert unit.state is State.EXITED


def test_a_unit_that_has_much_to_clean_up_may_have_a_longer_time() -> None:
    unit = Lifecycle([A], stop_s=2 * STOP_S)
    unit.handle(Begin(), now=0)
    unit.handle(StopAsked(), now=5)

    assert unit.handle(TimeUp(), now=5 + STOP_S) == []
    assert unit.handle(TimeUp(), now=5 + 2 * STOP_S) == [Kill(A)]


def test_nothing_starts_again_after_a_stop() -> None:
    waiting = a_running(A)
    waiting.handle(MemberExited(A), now=1)
    waiting.handle(MemberExited(A), now=1)

    assert waiting.handle(StopAsked(), now=1) == [Over()]
    assert waiting.handle(TimeUp(), now=9) == []
    assert waiting.handle(StopAsked(), now=9) == []


def test_a_unit_with_one_life_is_over_when_it_exits() -> None:
    unit = Lifecycle([A], lives=1)
    unit.handle(Begin(), now=0)

    assert unit.handle(MemberExited(A), now=1) == [Over()]


def test_an_impossible_event_is_an_error() -> None:
    unit = Lifecycle([A])

    with pytest.raises(IllegalEventError):
        unit.handle(MemberExited(A), now=0)


@given(st.lists(st.tuples(st.sampled_from("rxtsk"), st.sampled_from([A, B]), st.floats(0, 20))))
def test_whatever_happens_no_process_is_started_twice_or_asked_for_when_it_is_gone(
    steps: list[tuple[str, str, float]],
) -> None:
    unit, alive, now = Lifecycle([A, B]), set[str](), 0.0
    obey(unit.handle(Begin(), now=now), alive)

    for kind, name, later_s in steps:
        now += later_s
        event: Event | None = {
            "r": MemberReady(name) if name in alive else None,
            "x": MemberExited(name) if name in alive else None,
            "t": TimeUp(),
            "s": StopAsked(),
        }.get(kind)
        if isinstance(event, MemberExited):
            alive.discard(name)
        if event is not None:
            obey(unit.handle(event, now=now), alive)

        assert (unit.state in {State.BACKOFF, State.EXITED}) == (not alive)


def obey(commands: list[Command], alive: set[str]) -> None:
    for command in commands:
        match command:
            case Spawn(name):
                assert name not in alive
                alive.add(name)
            case Kill(name) | Finish(name):
                assert name in alive
            case Over() | GiveUp():
                assert not alive
