"""The status of a system as tables for people.

Of what there may be thousands, the busiest come first and the rest is a number.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.markup import escape
from rich.table import Table

from console.system import Fields, SystemStatus
from console.terminal import visible

ROWS_MAX: Final = 20

_COUNTED: Final = ("statements", "rows", "bytes", "errors")
_SPANS: Final = {"age": "age_s", "idle": "idle_s", "ends in": "expires_in_s"}
_LEASE: Final = (
    *("id", "connection", "principal", "access", *_SPANS),
    *(*_COUNTED, "running", "waiting"),
)
_POOL: Final = ("connection", "principal", "access", "lent", "limit")
_EXECUTOR: Final = ("name", "running", "slots")
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))
_NO_ANSWER: Final = "the {} did not answer in time"


def tables(status: SystemStatus) -> list[Table]:
    """Return the report; instead of a part that nobody answered for, a table that says so."""
    return [
        _processes(status),
        _connections(status.connections),
        _of("leases", _LEASE, _leases(status.leases), total=status.leases_total),
        _of("lent connections", _POOL, status.pools),
        _of("executors", _EXECUTOR, status.executors, by="router"),
        _queues(status),
        _limits(status.limits),
    ]


def _processes(status: SystemStatus) -> Table:
    table = Table("role", "name", "pid", "state", "uptime", "restarts", title="processes")
    for one in status.processes:
        uptime = f"{one.uptime_s:.0f} s"
        table.add_row(one.role, one.name, str(one.pid), one.state, uptime, str(one.restarts))
    for name in status.absent:
        table.add_row("", name, "", "restarting", "", "")
    return table


def _connections(rows: Sequence[Fields]) -> Table:
    columns = ("name", "type", "host", "port", "database", "access", "health")
    shown = [{**row, "health": _health(row.get("health"))} for row in rows]
    return _of("connections", columns, shown)


def _health(found: object) -> str:
    if not isinstance(found, Mapping):
        return ""
    state, next_try_s = str(found.get("state")), found.get("next_try_s")
    return state if next_try_s is None else f"{state}, next try in {_span(next_try_s)}"


def _leases(leases: Sequence[Fields] | None) -> list[Fields] | None:
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


def _queues(status: SystemStatus) -> Table:
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
    return table


def _limits(limits: Mapping[str, int]) -> Table:
    table = Table("limit", "value", title="limits")
    for name, value in limits.items():
        table.add_row(escape(visible(name)), f"{value:,}")
    return table


def _of(
    title: str,
    columns: Iterable[str],
    rows: Sequence[Fields] | None,
    *,
    total: int | None = None,
    by: str = "vault",
) -> Table:
    if rows is None:
        return Table(_NO_ANSWER.format(by), title=title)
    names = tuple(columns)
    more = (len(rows) if total is None else total) - len(rows[:ROWS_MAX])
    caption = f"and {more:,} more" if more > 0 else None
    table = Table(title=title, caption=caption)
    for name in names:
        is_number = name in _COUNTED or name in _SPANS
        table.add_column(name, no_wrap=is_number, justify="right" if is_number else "left")
    for row in rows[:ROWS_MAX]:
        table.add_row(*(_cell(row.get(name)) for name in names))
    return table


def _cell(value: object) -> str:
    return "" if value is None else escape(visible(str(value)))
