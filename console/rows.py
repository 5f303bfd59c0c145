"""Parameters in, rows out: what `strongroom query` reads and prints."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.failures import CommandFailedError

Fields = dict[str, object]

# The text format of PostgreSQL's COPY: one row per line whatever the values hold.
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NULL: Final = "\\N"


def parse_parameters(given: Iterable[str]) -> Fields:
    """Return what `--param name=value` says: JSON where the value is JSON, but text stays text."""
    parameters: Fields = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise CommandFailedError(f"--param {name}: write it as name=value")
        if name in parameters:
            raise CommandFailedError(f"--param {name} is given twice")
        parameters[name] = _value(value)
    return parameters


def show(answer: Fields, *, as_json: bool) -> None:
    """Print the rows as a table on a terminal, else as lines of tabs; or the answer as JSON."""
    if as_json:
        print(json.dumps(answer, ensure_ascii=False))
        return
    rows = answer.get("rows")
    if not isinstance(rows, list):
        _say(f"{answer.get('affected_rows')} rows affected")
        return
    if sys.stdout.isatty():
        Console(highlight=False).print(as_table(rows))
        print(_count(answer, rows))
        return
    for line in as_lines(rows):
        print(line)
    if answer.get("truncated") is True:
        sys.stderr.write(_count(answer, rows) + "\n")


def as_table(rows: Sequence[Fields]) -> Table:
    """Return rows as a table for people."""
    names = list(rows[0]) if rows else []
    table = Table(*(escape(name) for name in names))
    for row in rows:
        table.add_row(*(escape(_text(row.get(name), null="NULL")) for name in names))
    return table


def as_lines(rows: Sequence[Fields]) -> list[str]:
    """Return a line of names and a line per row, cells between tabs, escaped as COPY does."""
    if not rows:
        return []
    names = list(rows[0])
    lines = ["\t".join(name.translate(_ESCAPES) for name in names)]
    for row in rows:
        values = (row.get(name) for name in names)
        cells = (_NULL if v is None else _text(v, null="").translate(_ESCAPES) for v in values)
        lines.append("\t".join(cells))
    return lines


def _value(text: str) -> object:
    try:
        found: object = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(found, str) else found


def _text(value: object, *, null: str) -> str:
    if value is None:
        return null
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _count(answer: Fields, rows: Sequence[Fields]) -> str:
    more = ", cut at the limit" if answer.get("truncated") is True else ""
    return f"{len(rows)} row{'' if len(rows) == 1 else 's'}{more}"


def _say(sentence: str) -> None:
    (sys.stdout if sys.stdout.isatty() else sys.stderr).write(sentence + "\n")
