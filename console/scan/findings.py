"""Gather what one process, or one directory, gives: hits, gaps, bytes."""

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from console.scan.needles import Needles
from console.scan.redact import Redactor
from console.scan.report import Hit, Part, Place, Suspect, Unscanned
from console.scan.search import IsOrdinary, Run, Search, nothing_is_ordinary

PIECE_BYTES: Final = 1 << 20
# Longer files are looked into up to here, and the rest is reported as a gap.
MAX_FILE_BYTES: Final = 1 << 30

Pieces: TypeAlias = Iterable[tuple[int, bytes]]
"""Offsets and contents, in order."""


@dataclass(slots=True)
class Findings:
    """One part of a report, while it is being made."""

    needles: Needles = field(repr=False)
    redactor: Redactor = field(repr=False)
    suspect: Suspect
    pid: int | None
    is_ordinary: IsOrdinary = nothing_is_ordinary
    gone: bool = False
    hits: list[Hit] = field(default_factory=list)
    unscanned: list[Unscanned] = field(default_factory=list)
    unlisted_hits: int = 0
    scanned_bytes: int = 0
    started: float = field(default_factory=time.perf_counter)

    def look(self, place: Place, pieces: Pieces, where: str | Callable[[int], str]) -> None:
        """Search *pieces*; *where* is their name, or tells the name from an offset."""
        search = Search(self.needles, self.is_ordinary)
        name = where if isinstance(where, str) else where(0)
        try:
            for offset, piece in pieces:
                search.feed(offset, piece)
        except OSError as error:
            self.miss(name, reason_of(error))
        search.finish()
        self.scanned_bytes += search.fed_bytes
        self.unlisted_hits += search.unlisted
        for run in search.runs:
            spot = where if isinstance(where, str) else where(run.offset)
            self.hits.append(self._hit(place, run, spot))

    def miss(self, where: str, reason: str, *, allowed: bool = False) -> None:
        """Note that something was not looked at."""
        entry = Unscanned(
            self.pid, self.suspect.role, self.redactor.name(where), reason, allowed=allowed
        )
        if entry not in self.unscanned:
            self.unscanned.append(entry)

    def part(self) -> Part:
        """Return the finished part."""
        return Part(
            pid=self.pid,
            role=self.suspect.role,
            name=self.redactor.name(self.suspect.name),
            hits=tuple(self.hits),
            unscanned=tuple(self.unscanned),
            unlisted_hits=self.unlisted_hits,
            scanned_bytes=self.scanned_bytes,
            seconds=time.perf_counter() - self.started,
            gone=self.gone,
        )

    def _hit(self, place: Place, run: Run, where: str) -> Hit:
        return Hit(
            place=place,
            pid=self.pid,
            role=self.suspect.role,
            where=self.redactor.name(where),
            encoding=run.encoding,
            offset=run.offset,
            length_bytes=run.length_bytes,
            whole=run.whole,
            context=self.redactor.shape(run.before),
        )


def file_pieces(
    descriptor: int, start: int = 0, end: int = MAX_FILE_BYTES
) -> Iterator[tuple[int, bytes]]:
    """Yield what an open file holds between two offsets, without its holes."""
    for first, last in _extents(descriptor, start, end):
        offset = first
        while offset < last:
            piece = os.pread(descriptor, min(PIECE_BYTES, last - offset), offset)
            if not piece:
                return
            yield offset, piece
            offset += len(piece)


def _extents(descriptor: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    offset = start
    while offset < end:
        try:
            first = os.lseek(descriptor, offset, os.SEEK_DATA)
            offset = os.lseek(descriptor, first, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return  # nothing but a hole from here to the end
        if first < end:
            yield first, min(offset, end)


def reason_of(error: OSError) -> str:
    """Return why something could not be looked at; its file name is told elsewhere."""
    return error.strerror or "it cannot be read"
