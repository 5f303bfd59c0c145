"""Parameters in, rows out: what `strongroom query` reads and prints."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NoReturn, TypeAlias

from msgspec import Raw
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.failures import EXIT_USAGE, CommandFailedError
from console.terminal import visible, visible_json

Fields: TypeAlias = dict[str, object]
Parameters: TypeAlias = dict[str, Raw | str]
"""By name: JSON as it was written, or text."""

# The text format of PostgreSQL's COPY: one row per line whatever the values hold.
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NULL: Final = "\\N"


def parse_parameters(given: Iterable[str]) -> Parameters:
    """Return what `--param name=value` says: JSON where the value is JSON, but text stays text."""
    parameters: Parameters = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise CommandFailedError(f"--param {name}: write it as name=value", status=EXIT_USAGE)
        if name in parameters:
            raise CommandFailedError(f"--param {name} is given twice", status=EXIT_USAGE)
        parameters[name] = _value(name, value)
    return parameters


def show(answer: Mapping[str, object], *, as_json: bool) -> None:
    """Print the rows as a table on a terminal, else as lines of tabs; or the answer as JSON."""
    if as_json:
        print(_as_json(answer))
        return
    rows = answer.get("rows")
    if not isinstance(rows, list):
        affected = answer.get("affected_rows")
        _say(f"{affected} row{'' if affected == 1 else 's'} affected")
        return
    names = _names(answer, rows)
    if sys.stdout.isatty():
        Console(highlight=False).print(as_table(names, rows))
        print(_count(answer, rows))
        return
    for line in as_lines(names, rows):
        print(line)
    if answer.get("truncated") is True:
        sys.stderr.write(_count(answer, rows) + "\n")


def as_table(names: Sequence[str], rows: Sequence[Fields]) -> Table:
    """Return rows as a table for people, whose terminal obeys nothing that stands in it."""
    table = Table(*(escape(visible(name)) for name in names))
    for row in rows:
        table.add_row(*(escape(visible(_text(row.get(name), null="NULL"))) for name in names))
    return table


def as_lines(names: Sequence[str], rows: Sequence[Fields]) -> list[str]:
    """Return a line of names and a line per row, cells between tabs, escaped as COPY does."""
    if not names:
        return []
    lines = ["\t".join(name.translate(_ESCAPES) for name in names)]
    for row in rows:
        values = (row.get(name) for name in names)
        cells = (_NULL if v is None else _text(v, null="").translate(_ESCAPES) for v in values)
        lines.append("\t".join(cells))
    return lines


def _as_json(answer: Mapping[str, object]) -> str:
    # An escape of JSON instead of one of Python's, where the output has no such character.
    utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
    return visible_json(json.dumps(answer, ensure_ascii=not utf8))


def _names(answer: Mapping[str, object], rows: Sequence[Fields]) -> list[str]:
    """Return the names of the columns, which an empty result has too."""
    if rows:
        return list(rows[0])
    columns = answer.get("columns")
    found = columns if isinstance(columns, list) else []
    return [str(column["name"]) for column in found if isinstance(column, dict)]


def _value(name: str, text: str) -> Raw | str:
    if text.strip().startswith('"'):
        return text
    try:
        # Read to see that it is JSON, with both of two members of one name; no number is counted.
        found: object = json.loads(
            text,
            parse_int=str,
            parse_float=str,
            parse_constant=_refuse_constant,
            object_pairs_hook=list,
        )
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        sentence = f"--param {name}: a lone surrogate is no text"
        raise CommandFailedError(sentence, status=EXIT_USAGE) from None
    except (ValueError, RecursionError):
        return text
    return Raw(text.strip().encode())


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is Python's and no JSON")


def _text(value: object, *, null: str) -> str:
    if value is None:
        return null
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _count(answer: Mapping[str, object], rows: Sequence[Fields]) -> str:
    more = ", cut at the limit" if answer.get("truncated") is True else ""
    return f"{len(rows)} row{'' if len(rows) == 1 else 's'}{more}"


def _say(sentence: str) -> None:
    (sys.stdout if sys.stdout.isatty() else sys.stderr).write(sentence + "\n")
