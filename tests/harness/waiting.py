"""Wait for the outside world, and for nothing else."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PAUSE_S: Final = 0.01


def until(condition: Callable[[], T], *, within_s: float = 5.0) -> T:
    """Return the first true answer of *condition*; raise AssertionError when none comes in time."""
    deadline = time.monotonic() + within_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"not true within {within_s} s: {condition}")
        time.sleep(PAUSE_S)
