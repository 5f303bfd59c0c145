"""Find the needles in a stream of bytes; touch nothing.

A hit is a run: as many bytes in a row as agree with one spelling. Pieces are fed in order; where
one piece follows the other without a gap, a run may lie across both.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from console.scan.needles import WORD_BYTES, Needle, Needles

# Of each kind, in each place: enough to see what is wrong, and a short secret has thousands.
LISTED_OF_A_KIND: Final = 20
CONTEXT_BYTES: Final = 48

IsOrdinary: TypeAlias = Callable[[bytes, int], bool]
"""Says of a run, given how long a piece is, that chance or the secret put nothing of it there."""


def nothing_is_ordinary(_found: bytes, _piece_bytes: int) -> bool:
    """Let every run count."""
    return False


@dataclass(frozen=True, slots=True)
class Run:
    """Bytes that agree with a spelling, and a few that come before them."""

    offset: int
    length_bytes: int
    encoding: str
    whole: bool
    before: bytes = field(repr=False)


class Search:
    """Search one stream, fed piece by piece."""

    def __init__(self, needles: Needles, is_ordinary: IsOrdinary = nothing_is_ordinary) -> None:
        """Begin with nothing; what *is_ordinary* knows is no hit, unless the secret is whole."""
        self.runs: list[Run] = []
        self._is_ordinary = is_ordinary
        self.unlisted = 0
        self.fed_bytes = 0
        self._needles = needles
        # Whole words, so that the grid of words stays where it is from piece to piece.
        self._overlap = -(-(needles.longest_bytes + CONTEXT_BYTES) // WORD_BYTES) * WORD_BYTES
        self._kinds: Counter[tuple[str, bool]] = Counter()
        self._tail = b""
        self._end = 0
        self._pending: list[Run] = []

    def feed(self, offset: int, piece: bytes) -> None:
        """Search the next *piece*, which lies at *offset*."""
        if offset != self._end:
            self.finish()
            self._end = offset
        buffer = self._tail + piece
        base, end = offset - len(self._tail), offset + len(piece)
        self._pending.clear()
        for run in _find(buffer, self._needles, base, self._is_ordinary):
            after = run.offset + run.length_bytes
            # One that ends at the edge may go on; one that ended before is already listed.
            if after == end:
                self._pending.append(run)
            elif after >= self._end:
                self._list(run)
        self._tail, self._end = buffer[-self._overlap :], end
        self.fed_bytes += len(piece)

    def finish(self) -> None:
        """Take what lies at the edge as it is: nothing follows it."""
        for run in self._pending:
            self._list(run)
        self._pending.clear()
        self._tail = b""

    def _list(self, run: Run) -> None:
        kind = (run.encoding, run.whole)
        self._kinds[kind] += 1
        if self._kinds[kind] <= LISTED_OF_A_KIND:
            self.runs.append(run)
        else:
            self.unlisted += 1


@dataclass(frozen=True, slots=True)
class _Match:
    start: int
    end: int
    needle: Needle

    @property
    def whole(self) -> bool:
        return self.end - self.start == len(self.needle.content)

    @property
    def rank(self) -> tuple[bool, int]:
        return self.whole, self.end - self.start


def _find(buffer: bytes, needles: Needles, base: int, is_ordinary: IsOrdinary) -> Iterator[Run]:
    matches = [*_fragments(buffer, needles), *_wholes(buffer, needles)]
    counted = [
        match
        for match in matches
        if match.whole or not is_ordinary(buffer[match.start : match.end], match.needle.floor_bytes)
    ]
    for match in _without_overlaps(counted):
        yield Run(
            offset=base + match.start,
            length_bytes=match.end - match.start,
            encoding=match.needle.encoding,
            whole=match.whole,
            before=buffer[max(0, match.start - CONTEXT_BYTES) : match.start],
        )


def _fragments(buffer: bytes, needles: Needles) -> Iterator[_Match]:
    words = memoryview(buffer)[: len(buffer) // WORD_BYTES * WORD_BYTES].cast("Q")
    for word in needles.words.intersection(words):
        for at in _occurrences(buffer, word.to_bytes(WORD_BYTES, sys.byteorder)):
            for needle, index in needles.windows[word]:
                match = _extended(buffer, at, needle, index)
                if match.end - match.start >= needle.floor_bytes:
                    yield match


def _wholes(buffer: bytes, needles: Needles) -> Iterator[_Match]:
    for needle in needles.short:
        for at in _occurrences(buffer, needle.content):
            yield _Match(at, at + len(needle.content), needle)


def _occurrences(buffer: bytes, pattern: bytes) -> Iterator[int]:
    at = buffer.find(pattern)
    while at >= 0:
        yield at
        at = buffer.find(pattern, at + 1)


def _extended(buffer: bytes, at: int, needle: Needle, index: int) -> _Match:
    content, start, end = needle.content, at, at + WORD_BYTES
    shift = at - index
    while start > max(0, shift) and buffer[start - 1] == content[start - 1 - shift]:
        start -= 1
    last = min(len(buffer), shift + len(content))
    while end < last and buffer[end] == content[end - shift]:
        end += 1
    return _Match(start, end, needle)


def _without_overlaps(matches: list[_Match]) -> list[_Match]:
    kept: list[_Match] = []
    for match in sorted(matches, key=lambda match: match.start):
        if not kept or match.start >= kept[-1].end:
            kept.append(match)
        elif match.rank > kept[-1].rank:
            kept[-1] = match
    return kept
