"""What libraries and the interpreter would print: where and what kind of error, never the words.

A library's message may quote what a client sent or a server said, and a traceback holds the rest.
"""

import logging
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType

from wire.logs import Log


class _Wordless(logging.Handler):
    """Turns a library's log record into one event of ours, without its message."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.ERROR)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Log where it happened and the type of the exception, if there is one."""
        kind = record.exc_info[0] if record.exc_info else None
        self._log.warning(
            "library_error",
            library=record.name,
            kind=kind.__name__ if kind is not None else None,
            place=f"{record.filename}:{record.lineno}",
        )


def silence_libraries(log: Log) -> None:
    """Send to *log* what libraries log and what the interpreter prints of errors, without words."""

    def of_a_thread(found: threading.ExceptHookArgs) -> None:
        kind, place = found.exc_type.__name__, place_of(found.exc_traceback)
        log.error("thread_failed", kind=kind, place=place)

    def ignored(found: "sys.UnraisableHookArgs") -> None:
        kind, place = found.exc_type.__name__, place_of(found.exc_traceback)
        log.warning("exception_ignored", kind=kind, place=place)

    root = logging.getLogger()
    root.handlers = [_Wordless(log)]
    root.setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)
    threading.excepthook = of_a_thread
    sys.unraisablehook = ignored


def place_of(found: TracebackType | None) -> str:
    """Return where an error was raised: a file's name and a line, no value."""
    last = traceback.extract_tb(found)[-1:]
    return "".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in last)
