"""One event, one line on standard error; fields are scalars by type.

An exception, a URL, an engine or a message is not a `Scalar`, so logging one does not type-check.
On a terminal a line reads `warning executor_lost executor=executor-1…`; otherwise it is one JSON
object.
"""

import os
import time
from typing import Final, TypeAlias

import msgspec

Scalar: TypeAlias = str | int | float | bool | None

_STDERR: Final = 2
_encode: Final = msgspec.json.Encoder().encode


class Log:
    """Writes the events of one process."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._is_heard = True
        self._terminal = os.isatty(_STDERR)

    def info(self, event: str, **fields: Scalar) -> None:
        """Log that something happened as it was meant to."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: Scalar) -> None:
        """Log that we survived something; look at it."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: Scalar) -> None:
        """Log that a request failed by our fault."""
        self._write("error", event, fields)

    def critical(self, event: str, **fields: Scalar) -> None:
        """Log that we are going down."""
        self._write("critical", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, Scalar]) -> None:
        if not self._is_heard:
            return
        line = (
            self._text(level, event, fields) if self._terminal else self._json(level, event, fields)
        )
        try:
            os.write(_STDERR, line)
        except OSError:
            # Whoever read our log is gone; the work goes on without it.
            self._is_heard = False

    def _text(self, level: str, event: str, fields: dict[str, Scalar]) -> bytes:
        pairs = "".join(f" {name}={_printable(value)}" for name, value in fields.items())
        return f"{level} {self._process} {event}{pairs}\n".encode(errors="backslashreplace")

    def _json(self, level: str, event: str, fields: dict[str, Scalar]) -> bytes:
        now = time.time()
        stamp = (
            time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        )
        head = {"time": stamp, "level": level, "process": self._process, "event": event}
        return _encode({**head, **fields}) + b"\n"


def _printable(value: Scalar) -> str:
    """Return *value* as text that can neither end the line nor steer the terminal."""
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode()
