"""What libraries log: where and what kind of error, never their words.

A library's message may quote what a client sent, and a traceback holds the rest.
"""

import logging

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
            line=f"{record.filename}:{record.lineno}",
            error=kind.__name__ if kind is not None else None,
        )


def silence_libraries(log: Log) -> None:
    """Send what libraries log to *log*, without its words."""
    root = logging.getLogger()
    root.handlers = [_Wordless(log)]
    root.setLevel(logging.ERROR)
