"""Wait for the outside world, and for nothing else."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PAUSE_S: Final = 0.01
SETTLED_LOOKS: Final = 30


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


def settled(look: Callable[[], T], *, within_s: float = 10.0) -> T:
    """Return what *look* finds true, as soon as it has found the same thirty times in a row."""
    found: list[T] = []

    def is_still() -> bool:
        answer = look()
        if not answer or (found and answer != found[-1]):
            found.clear()
        if answer:
            found.append(answer)
        return len(found) >= SETTLED_LOOKS

    until(is_still, within_s=within_s)
    return found[-1]
