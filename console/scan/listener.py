"""Who is told how a proof goes while it goes on; the report comes at the end."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_WIDTH: Final = 60


def _nobody(_sentence: str) -> None:
    return


@dataclass(frozen=True, slots=True)
class Listener:
    """Hears sentences; by default they go nowhere."""

    control: Callable[[str], None] = _nobody
    """What became of the positive control, once, before anything else is looked at."""
    progress: Callable[[str], None] = _nobody
    """What is being looked at; empty at the end."""


NOBODY: Final = Listener()


def progress_of_terminal() -> Callable[[str], None]:
    """Return what shows one line after the other in the same place, where there is a terminal."""
    return _show if sys.stderr.isatty() else _nobody


def _show(sentence: str) -> None:
    # Overwritten with blanks rather than by an escape sequence, which not every terminal knows.
    sys.stderr.write(f"\r{sentence[:_WIDTH].ljust(_WIDTH)}" + ("" if sentence else "\r"))
    sys.stderr.flush()
