"""The status of a system as tables for people.

Of what there may be thousands, the busiest come first and the rest is a number. A narrow terminal
gets fewer columns, each wide enough to be read.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from console.system import Fields, SystemStatus
from console.terminal import visible

ROWS_MAX: Final = 20
ROWS_MIN: Final = 3
"""Of what works, however low the screen is."""

_COUNTED: Final = ("statements", "rows", "bytes", "errors")
_SPANS: Final = {"age": "age_s", "idle": "idle_s", "ends in": "expires_in_s"}
_LEASE: Final = (
    *("id", "connection", "principal", "access", *_SPANS),
    *(*_COUNTED, "running", "waiting"),
)
_POOL: Final = ("connection", "principal", "access", "lent", "limit")
_EXECUTOR: Final = ("name", "running", "slots")
_PROCESS: Final = ("role", "name", "pid", "state", "uptime", "restarts")
_CONNECTION: Final = ("name", "type", "host", "port", "database", "tls", "access", "health")
_SPARE: Final = (
    *("errors", "bytes", "age", "principal", "waiting", "ends in", "rows", "limit", "host"),
    *("type", "port", "database", "tls", "role", "restarts", "uptime", "access", "statements"),
)
"""Columns that a narrow terminal goes without, the least telling first."""
_TEXT_MIN: Final = 12
"""Where text may be broken: enough for most names, and for some of any."""
_EDGES: Final = 3
"""What a column takes beside its cells: a line and a space on either side."""
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))
_NO_ANSWER: Final = "the {} did not answer in time"


class _Part(NamedTuple):
    title: str
    columns: Sequence[str]
    rows: Sequence[Fields] | None
    total: int | None = None
    by: str = "vault"


def tables(status: SystemStatus, *, width: int) -> list[Table | Text]:
    """Return the report; of a part that is empty or that nobody answered for, a line says so."""
    parts = (_processes(status), _connections(status), _leases(status), _lent(status))
    return [
        *(_shown(part, width=width, rows_max=ROWS_MAX) for part in parts),
        _shown(_executors(status), width=width, rows_max=ROWS_MAX),
        _queues(status),
        _limits(status.limits),
    ]


def watched(status: SystemStatus, *, width: int, height: int) -> list[Table | Text]:
    """Return what changes, for a screen that may end before the last: who works comes first."""
    rows_max = max(ROWS_MIN, min(ROWS_MAX, height // 4))
    first = [
        _shown(part, width=width, rows_max=rows_max) for part in (_leases(status), _lent(status))
    ]
    parts = (_processes(status), _connections(status), _executors(status))
    return [
        *first,
        *(_shown(part, width=width, rows_max=ROWS_MAX) for part in parts),
        _queues(status),
    ]


def _processes(status: SystemStatus) -> _Part:
    alive: list[Fields] = [
        {**msgspec.structs.asdict(one), "uptime": _span(one.uptime_s)} for one in status.processes
    ]
    absent: list[Fields] = [{"name": name, "state": "restarting"} for name in status.absent]
    return _Part("processes", _PROCESS, [*absent, *alive], by="supervisor")


def _connections(status: SystemStatus) -> _Part:
    rows = [
        {**row, "tls": _tls(row), "health": _health(row.get("health"))}
        for row in status.connections
    ]
    return _Part("connections", _CONNECTION, rows)


def _leases(status: SystemStatus) -> _Part:
    return _Part("leases", _LEASE, _busy_first(status.leases), status.leases_total)


def _lent(status: SystemStatus) -> _Part:
    return _Part("lent connections", _POOL, status.pools, status.pools_total)


def _executors(status: SystemStatus) -> _Part:
    return _Part("executors", _EXECUTOR, status.executors, by="router")


def _tls(row: Fields) -> str:
    """Return how a connection is encrypted; nothing for a file, which needs no way to it."""
    found = row.get("tls", "")
    if isinstance(found, Mapping):
        return str(found.get("mode"))
    return "none" if found is None else ""


def _health(found: object) -> str:
    if not isinstance(found, Mapping):
        return ""
    state, next_try_s = str(found.get("state")), found.get("next_try_s")
    return state if next_try_s is None else f"{state}, next try in {_span(next_try_s)}"


def _busy_first(leases: Sequence[Fields] | None) -> list[Fields] | None:
    """Return the leases, first those with statements that run, then the last used."""
    if leases is None:
        return None
    return [
        {
            **row,
            **{short: _span(row.get(name)) for short, name in _SPANS.items()},
            **{name: _grouped(row.get(name)) for name in _COUNTED},
        }
        for row in sorted(leases, key=_how_idle)
    ]


def _how_idle(row: Fields) -> tuple[float, float]:
    return -_number(row.get("running")), _number(row.get("idle_s"))


def _span(seconds: object) -> str | None:
    """Return a length of time in the unit that leaves it two or three digits."""
    if not isinstance(seconds, int | float):
        return None
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _grouped(count: object) -> str | None:
    return f"{count:,}" if isinstance(count, int) else None


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0.0


def _queues(status: SystemStatus) -> Table | Text:
    table = Table("what", "how many", title="in flight")
    for what, by, counts in (
        ("requests", "router", status.requests),
        ("logins", "vault", status.logins),
    ):
        if counts is None:
            table.add_row(what, _NO_ANSWER.format(by))
            continue
        for where, number in counts.items():
            table.add_row(escape(f"{what}: {where.replace('_', ' ')}"), str(number))
    return table if table.row_count else Text("nothing in flight")


def _limits(limits: Mapping[str, int]) -> Table | Text:
    if not limits:
        return Text("no limits")
    table = Table("limit", "value", title="limits")
    for name, value in limits.items():
        table.add_row(escape(visible(name)), f"{value:,}")
    return table


def _shown(part: _Part, *, width: int, rows_max: int) -> Table | Text:
    if part.rows is None:
        return Text(f"{part.title}: {_NO_ANSWER.format(part.by)}")
    if not part.rows:
        return Text(f"no {part.title}")
    rows = part.rows[:rows_max]
    more = (len(part.rows) if part.total is None else part.total) - len(rows)
    table = Table(title=part.title, caption=_left_out(more, len(part.rows), len(rows)))
    widths = _fitting({name: _wide(name, rows) for name in part.columns}, width=width)
    for name, wide in widths.items():
        is_number = _is_number(name)
        table.add_column(
            name,
            no_wrap=is_number,
            min_width=wide,
            justify="right" if is_number else "left",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in widths))
    return table


def _left_out(more: int, reported: int, shown: int) -> str | None:
    """Return the line below a table that ends early, of a report that may end early itself."""
    if more <= 0:
        return None
    if reported == shown + more:
        return f"and {more:,} more; --json has all"
    return f"and {more:,} more; --json has {reported:,}"


def _fitting(widths: Mapping[str, int], *, width: int) -> dict[str, int]:
    """Return the columns that have room beside one another, those that tell most."""
    kept = dict(widths)
    for name in _SPARE:
        if sum(kept.values()) + _EDGES * len(kept) + 1 <= width:
            break
        kept.pop(name, None)
    return kept


def _wide(name: str, rows: Sequence[Fields]) -> int:
    """Return how many characters a column needs: of numbers all, of text some."""
    longest = max(len(_cell(row.get(name))) for row in rows)
    return max(len(name), longest if _is_number(name) else min(longest, _TEXT_MIN))


def _is_number(name: str) -> bool:
    return name in _COUNTED or name in _SPANS


def _cell(value: object) -> str:
    return "" if value is None else escape(visible(str(value)))
