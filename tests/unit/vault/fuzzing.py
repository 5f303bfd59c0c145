"""What fuzz tests of logins share: transcripts that are spoiled, and servers without end."""

import tracemalloc
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from hypothesis import strategies as st

from vault.login.refusals import LoginRefusedError
from vault.login.steps import Receive, Step

Edit: TypeAlias = tuple[Literal["put", "cut", "flip", "again"], int, bytes]

_LENGTHS: Final = [b"\0", b"\xff", b"\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0"]
"""What a length or a count is spoiled by."""

_EDITS: Final[st.SearchStrategy[Edit]] = st.tuples(
    st.sampled_from(("put", "cut", "flip", "again")),
    st.integers(0, 1 << 16),
    st.one_of(st.sampled_from(_LENGTHS), st.binary(min_size=1, max_size=24)),
)


def spoiled(honest: bytes) -> st.SearchStrategy[bytes]:
    """Return what becomes of *honest* by one edit or a few."""
    return st.lists(_EDITS, min_size=1, max_size=4).map(lambda edits: _edited(honest, edits))


def _edited(data: bytes, edits: list[Edit]) -> bytes:
    for how, where, by in edits:
        at = where % (len(data) + 1)
        match how:
            case "put":
                data = data[:at] + by + data[at + len(by) :]
            case "cut":
                data = data[:at]
            case "flip":
                data = data[:at] + bytes(one ^ by[0] for one in data[at : at + 1]) + data[at + 1 :]
            case "again":
                data = data[:at] + data[at // 2 :]
    return data


class Endless:
    """A server that says something, then something else for ever, to whoever asks for it."""

    def __init__(self, first: bytes, again: bytes) -> None:
        self._waiting = first
        self._again = again
        self.given_bytes = 0

    def obey(self, step: Step) -> bytes:
        """Answer one step with as much as it asks for."""
        if not isinstance(step, Receive):
            return b""
        while len(self._waiting) < step.exactly_bytes:
            self._waiting += self._again
        given = self._waiting[: step.exactly_bytes]
        self._waiting = self._waiting[step.exactly_bytes :]
        self.given_bytes += len(given)
        return given


def peak_bytes(refused: Callable[[], object]) -> int:
    """Return the most memory that *refused* had at any time; fail unless it is refused."""
    tracemalloc.start()
    try:
        refused()
    except LoginRefusedError:
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    raise AssertionError("it was let in")
