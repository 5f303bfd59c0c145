"""A process's standard error: a pipe of its own, read here and written to the one log."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, TypeVar

from supervisor.log_lines import Heard, LeftOut, LogLines, Said, Stray
from supervisor.watch import Watch
from wire.logs import Log
from wire.names import Incarnation

T = TypeVar("T")

_PIECE_BYTES: Final = 1 << 16
_LAST_PIECES: Final = 16
"""Of a process that has exited, but whose pipe somebody else may still be filling."""


class LogPipe:
    """The reading end."""

    def __init__(self, incarnation: Incarnation, *, words: bool, watch: Watch, log: Log) -> None:
        """Write to *log* what that process says, stray lines in their words while *words*."""
        self._incarnation = incarnation
        self._words = words
        self._watch = watch
        self._log = log
        self._lines = LogLines()
        self._reading = -1

    def open(self, start: Callable[[int], T]) -> T:
        """Return what *start* makes of the writing end; raise OSError with nothing left open."""
        self._reading, writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reading, False)
        try:
            started = start(writing)
        except OSError:
            os.close(self._reading)
            raise
        finally:
            os.close(writing)
        self._watch.add(self._reading, self._readable)
        return started

    def no_words(self) -> None:
        """From now on it may hold what no log may have."""
        self._words = False

    def close(self) -> None:
        """Take what a process that has exited left, and close the pipe."""
        for _ in range(_LAST_PIECES):
            if not self._read():
                break
        self._tell(self._lines.end(words=self._words))
        self._watch.drop(self._reading)
        os.close(self._reading)

    def _readable(self) -> None:
        if self._read() == 0:
            self._watch.drop(self._reading)  # nobody will write any more

    def _read(self) -> int | None:
        """Return how much there was; None when there is nothing yet."""
        with suppress(BlockingIOError):
            data = os.read(self._reading, _PIECE_BYTES)
            self._tell(self._lines.feed(data, now=time.monotonic(), words=self._words))
            return len(data)
        return None

    def _tell(self, heard: Iterable[Heard]) -> None:
        log, child = self._log, self._incarnation
        for one in heard:
            match one:
                case Said(level, event, fields):
                    log.relay(child, level, event, fields)
                case Stray(lines, size_bytes, last):
                    log.warning(
                        "stray_output", child=child, lines=lines, size_bytes=size_bytes, last=last
                    )
                case LeftOut(size_bytes):
                    log.warning("log_left_out", child=child, size_bytes=size_bytes)
