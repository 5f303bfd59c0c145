import os
import select
import time
from collections.abc import Iterator

import pytest

from executor.waiting import Bell, Patience, StoppedError
from wire.faults import FaultCode


@pytest.fixture
def bell() -> Iterator[Bell]:
    made = Bell()
    yield made
    os.close(made.fileno())


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def patience(bell: Bell, seconds: float = 10.0) -> Patience:
    return Patience(time.monotonic() + seconds, bell)


def test_waiting_ends_when_the_descriptor_is_ready(bell: Bell, pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"x")

    assert patience(bell).wait(pipe[0]) & select.POLLIN


def test_waiting_ends_at_the_deadline(bell: Bell, pipe: tuple[int, int]) -> None:
    with pytest.raises(StoppedError) as caught:
        patience(bell, 0.01).wait(pipe[0])

    assert caught.value.code is FaultCode.DEADLINE


def test_waiting_ends_when_the_run_is_stopped_and_the_first_reason_stays(
    bell: Bell, pipe: tuple[int, int]
) -> None:
    waiting = patience(bell)

    waiting.stop(FaultCode.CANCELLED)
    waiting.stop(FaultCode.UNAVAILABLE)

    with pytest.raises(StoppedError) as caught:
        waiting.wait(pipe[0])
    assert caught.value.code is FaultCode.CANCELLED


def test_a_ring_for_an_earlier_run_does_not_end_this_one(bell: Bell, pipe: tuple[int, int]) -> None:
    bell.ring()
    os.write(pipe[1], b"x")

    assert patience(bell).wait(pipe[0]) & select.POLLIN


def test_a_stopped_run_has_a_grace_of_its_own(bell: Bell, pipe: tuple[int, int]) -> None:
    waiting = patience(bell)
    waiting.stop(FaultCode.CANCELLED)
    os.write(pipe[1], b"x")

    grace = waiting.grace(10)

    assert grace.wait(pipe[0]) & select.POLLIN
    assert not grace.is_over()
