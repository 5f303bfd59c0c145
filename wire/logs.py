"""One event, one line on standard error; fields are scalars by type.

An exception, a URL, an engine or a message is not a `Scalar`, so logging one does not type-check.
A line is text for a person (`2026-03-01T09:30:00.125Z warning router-1.5f3a9c21 executor_overdue
executor=executor-1.77aa0c1e`), or one JSON object in ASCII. A line that nobody takes at once is
given up, because no process may wait for the reader of its log; the next one says how many.
"""

import json
import math
import os
import select
import time
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from wire.repeats import Repeats

Scalar: TypeAlias = str | int | float | bool | None
Level: TypeAlias = Literal["info", "warning", "error", "critical"]
Form: TypeAlias = Literal["text", "json"]

LINE_BYTES: Final = 4096
"""What a pipe takes whole or not at all (PIPE_BUF, pipe(7))."""

_CHARACTERS: Final = (400, 40, 0)
"""The most of a text, and what is tried after that where the line is too long all the same."""

_STDERR: Final = 2

_PEERS: Final = ("sender", "executor", "peer")
"""The fields that name who made us say something."""


class Head(NamedTuple):
    """What every line has."""

    time: float
    level: Level
    process: str
    event: str


class Log:
    """Writes the events of one process."""

    def __init__(self, process: str, *, form: Form | None = None) -> None:
        """Write in that form; without one, text on a terminal and JSON elsewhere."""
        self._process = process
        self._form: Form = form or ("text" if os.isatty(_STDERR) else "json")
        self._is_heard = True
        self._lost = 0
        self._repeats = Repeats()
        self._room = select.poll()
        self._room.register(_STDERR, select.POLLOUT)

    def info(self, event: str, **fields: Scalar) -> None:
        """Log that something happened as it was meant to."""
        self.relay(self._process, "info", event, fields)

    def warning(self, event: str, **fields: Scalar) -> None:
        """Log that we survived something; look at it.

        Of what the same peer makes us say again and again, one line in a second says how often.
        """
        peers = [fields[name] for name in _PEERS if name in fields]
        if peers:
            untold = self._repeats.admit((event, *peers), now=time.monotonic())
            if untold is None:
                return
            fields |= {"left_out_before": untold} if untold else {}
        self.relay(self._process, "warning", event, fields)

    def error(self, event: str, **fields: Scalar) -> None:
        """Log that a request failed by our fault."""
        self.relay(self._process, "error", event, fields)

    def critical(self, event: str, **fields: Scalar) -> None:
        """Log that we are going down."""
        self.relay(self._process, "critical", event, fields)

    def relay(self, process: str, level: Level, event: str, fields: Mapping[str, Scalar]) -> None:
        """Log an event of that process."""
        if not self._is_heard:
            return
        if not self._room.poll(0):
            self._lost += 1
            return
        lost = {"lost_before": self._lost} if self._lost else {}
        line = line_of(self._form, Head(time.time(), level, process, event), {**fields, **lost})
        try:
            os.write(_STDERR, line)
        except OSError:
            # Whoever read our log is gone; the work goes on without it.
            self._is_heard = False
        self._lost = 0


def line_of(form: Form, head: Head, fields: Mapping[str, Scalar]) -> bytes:
    """Return an event as one line of at most LINE_BYTES, with long texts cut."""
    render = _text if form == "text" else _json
    for most in _CHARACTERS:
        line = render(head, {name: _clipped(value, most) for name, value in fields.items()})
        if len(line) <= LINE_BYTES:
            return line
    return render(head, {"fields_left_out": len(fields)})


def _text(head: Head, fields: Mapping[str, Scalar]) -> bytes:
    pairs = "".join(f" {name}={_printable(value)}" for name, value in fields.items())
    line = f"{_stamp(head.time)} {head.level} {_printable(head.process)} {head.event}{pairs}\n"
    return line.encode(errors="backslashreplace")


def _json(head: Head, fields: Mapping[str, Scalar]) -> bytes:
    known: dict[str, Scalar] = {**head._asdict(), "time": _stamp(head.time)}
    line = json.dumps({**known, **fields, **known}, separators=(",", ":"))
    # DEL is the one character of ASCII that JSON leaves as it is and a terminal does not.
    return line.replace("\x7f", r"\u007f").encode() + b"\n"


def _stamp(now: float) -> str:
    whole, milliseconds = divmod(int(now * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{milliseconds:03d}Z"


def _clipped(value: Scalar, most: int) -> Scalar:
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no such number
    if isinstance(value, str) and len(value) > most:
        return f"{value[:most]}…"
    return value


def _printable(value: Scalar) -> str:
    """Return *value* as text that can neither end the line, nor pass for a field, nor steer."""
    text = str(value)
    if text and text.isprintable() and not set(text) & set(' "='):
        return text
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    quoted = escaped.replace('"', r"\"")
    return f'"{quoted}"'
