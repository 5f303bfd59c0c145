"""What a session must be before any driver takes it over."""

import select
from typing import TypeVar

from executor.borrowing import Borrowed
from wire.lending import Session

S = TypeVar("S", bound=Session)


class AdoptionError(Exception):
    """The driver did not take the connection; the sentence is ours."""


def session_of(borrowed: Borrowed, kind: type[S]) -> S:
    """Return a session of that *kind* in which nobody has spoken yet; raise AdoptionError.

    The descriptor stays the caller's.
    """
    if not isinstance(borrowed.session, kind):
        raise AdoptionError("the session speaks another protocol")
    poll = select.poll()
    poll.register(borrowed.descriptor, select.POLLIN)
    if poll.poll(0):
        raise AdoptionError("the session has bytes pending that nobody asked for")
    return borrowed.session
