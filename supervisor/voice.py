"""Where our words go: greeting to standard output, events to the log, last words to a person."""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wire.logs import Form, Log
from wire.rundir import LOG

KEPT_BYTES: Final = 10 << 20
"""A log that is larger at a start is put aside, in place of the one that was put aside before."""

_STDOUT: Final = 1
_STDERR: Final = 2


@dataclass
class Voice:
    """The standard streams, sorted."""

    log: Log
    log_file: Path | None
    _person: int
    _leaves_when_ready: bool

    @classmethod
    def open(cls, run_dir: Path, *, quiet: bool, form: Form | None = None) -> "Voice":
        """Move the log to a file where standard error is a terminal.

        Or where the system outlives whoever started it (*quiet*): then only what goes wrong before
        it is ready is for that one's eyes. Without a *form*, who sits at a terminal gets text.
        """
        form = form or ("text" if os.isatty(_STDERR) else "json")
        person = os.dup(_STDERR)
        log_file = None
        if quiet or os.isatty(_STDERR):
            log_file = run_dir / LOG
            descriptor = _open_log(log_file)
            os.dup2(descriptor, _STDERR)
            os.close(descriptor)
        return cls(Log("supervisor", form=form), log_file, person, quiet)

    def greet(self, text: str) -> None:
        """Print *text* once, and leave the terminal of a starter that does not stay."""
        _write(_STDOUT, text)
        if self._leaves_when_ready:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, _STDOUT)
            os.dup2(nowhere, self._person)
            os.close(nowhere)

    def stopped(self) -> None:
        """Print that it is over, below the ^C that a terminal shows."""
        _write(_STDOUT, "\nstopped\n" if os.isatty(_STDOUT) else "stopped\n")

    def say(self, sentence: str) -> None:
        """Tell the person who started us."""
        _write(self._person, f"strongroom: {sentence}\n")


def _open_log(path: Path) -> int:
    """Return a descriptor that adds to the log of earlier runs: it may say why they ended."""
    with suppress(FileNotFoundError):
        if path.lstat().st_size > KEPT_BYTES:
            path.rename(path.with_name(f"{LOG}.1"))
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(path, flags, 0o600)


def _write(descriptor: int, text: str) -> None:
    data = text.encode(errors="backslashreplace")
    sys.stdout.flush()
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        return  # nobody reads it; the system runs all the same
