"""A value or two of each type: how it is written in SQL, and what a reader makes of its JSON.

docs/values.md has a row for each `Case`; a contract test compares them.
"""

import datetime as dt
import ipaddress
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from psycopg.types.range import Int4Range

from tests.harness.system import ROOT

Read: TypeAlias = Callable[[str], object]


def _as_it_is(text: str) -> object:
    return text


def _bytes(text: str) -> object:
    assert text.startswith("\\x")
    return bytes.fromhex(text[2:])


def _interval(text: str) -> object:
    found = re.fullmatch(r"(?:(-?\d+) days? ?)?(?:(-?)(\d+):(\d+):([\d.]+))?", text)
    assert found is not None
    sign = -1 if found[2] else 1
    clock = dt.timedelta(
        hours=int(found[3] or 0), minutes=int(found[4] or 0), seconds=float(found[5] or 0)
    )
    return dt.timedelta(days=int(found[1] or 0)) + sign * clock


def _range(text: str) -> object:
    low, high = text[1:-1].split(",")
    return Int4Range(int(low), int(high), text[0] + text[-1])


@dataclass(frozen=True)
class Case:
    """One type: values whose JSON `read` turns into the driver's, and values compared as text."""

    type: str
    """As a statement casts to it."""
    values: tuple[str, ...]
    read: Read = _as_it_is
    as_text: tuple[str, ...] = ()
    """More values, of which the driver has no notion."""


def _quoted(*values: str) -> tuple[str, ...]:
    return tuple(f"'{value}'" for value in values)


CASES: Final[dict[str, tuple[Case, ...]]] = {
    "any, NULL": (Case("text", ("null",)), Case("bigint[]", ("null",)), Case("jsonb", ("null",))),
    "boolean": (Case("boolean", ("true", "false")),),
    "smallint, integer, oid": (
        Case("smallint", _quoted("-32768", "32767")),
        Case("integer", _quoted("-2147483648", "0", "2147483647")),
        Case("oid", _quoted("0", "4294967295")),
    ),
    "bigint": (
        Case("bigint", _quoted("0", "9007199254740992", "-9007199254740992")),
        Case("bigint", _quoted("9007199254740993", "-9223372036854775808"), int),
    ),
    "real, double precision": (
        Case("double precision", _quoted("0.1", "-0", "1e300", "5e-324", "123456789012345680")),
        Case("real", _quoted("0.1", "3.4028235e38", "16777216")),
        Case("double precision", _quoted("Infinity", "-Infinity"), float),
        Case("double precision", (), as_text=_quoted("NaN", "Infinity")),
    ),
    "numeric": (
        Case("numeric", _quoted("1.500", "-0.0000001", "9" * 60 + ".00", "1e-30"), Decimal),
        Case("numeric", (), as_text=_quoted("NaN", "Infinity", "-Infinity")),
    ),
    "money": (Case("money", _quoted("1234.5", "-0.01")),),
    "text, varchar, char, name": (
        Case("text", ("''", "' '", "'NULL'", "'ü € 𝄞 \u2028'", "E'a\\nb\\t\"\\\\ \\u0001'")),
        Case("varchar", _quoted("x")),
        Case("char(5)", _quoted("ü €")),
        Case("name", _quoted("x")),
    ),
    "bytea": (Case("bytea", _quoted("", "\\x00ff5c27"), _bytes),),
    "bit, bit varying": (Case("bit(4)", _quoted("0101")), Case("bit varying", _quoted("", "1"))),
    "date": (
        Case("date", _quoted("2026-02-03", "0001-01-01"), dt.date.fromisoformat),
        Case("date", (), as_text=_quoted("infinity", "-infinity", "0044-03-15 BC", "12026-01-01")),
    ),
    "time": (
        Case("time", _quoted("04:05:06.7", "00:00"), dt.time.fromisoformat),
        Case("time", (), as_text=_quoted("24:00:00")),
    ),
    "time with time zone": (
        Case("time with time zone", _quoted("04:05:06+05:30"), dt.time.fromisoformat),
    ),
    "timestamp": (
        Case(
            "timestamp",
            _quoted("2026-02-03 04:05:06.7", "1999-12-31 23:59:59.999999"),
            dt.datetime.fromisoformat,
        ),
        Case("timestamp", (), as_text=_quoted("infinity", "0044-03-15 12:00 BC")),
    ),
    "timestamp with time zone": (
        Case(
            "timestamp with time zone",
            _quoted("2026-02-03 04:05:06.7+05:45", "2026-07-03 00:00Z"),
            dt.datetime.fromisoformat,
        ),
        Case("timestamp with time zone", (), as_text=_quoted("-infinity")),
    ),
    "interval": (
        Case("interval", _quoted("2 days 03:04:05.6", "-00:00:01", "1 day"), _interval),
        Case("interval", (), as_text=_quoted("1 year 2 mons -3 days 04:05:06")),
    ),
    "uuid": (Case("uuid", _quoted("A0000000-0000-0000-0000-00000000000b"), uuid.UUID),),
    "inet, cidr, macaddr": (
        Case("inet", _quoted("10.0.0.1", "::1"), ipaddress.ip_address),
        Case("inet", _quoted("10.0.0.1/8"), ipaddress.ip_interface),
        Case("cidr", _quoted("10.0.0.0/8", "2001:db8::/32"), ipaddress.ip_network),
        Case("macaddr", _quoted("08:00:2b:01:02:03")),
    ),
    "json, jsonb": (
        Case("jsonb", ('\'{"a": [1, {"b": null}], "ü": "\\\\n"}\'', "'[]'", "'7'", "'\"x\"'")),
        Case("json", ("'{\"a\":  1.50}'", "E'[1,\\n2]'", "'true'")),
        Case("json", (), as_text=("'\"\\ud800\"'",)),
    ),
    "arrays": (
        Case("int[]", _quoted("{}", "{{1,2},{3,NULL}}")),
        Case("text[]", ("array['a,b', '\"', '\\\\', 'NULL', '', null, '{ü}', ' ']",)),
        Case("boolean[]", _quoted("{t,f,NULL}")),
        Case("double precision[]", _quoted("{0.1,1e300}")),
        Case("jsonb[]", ("array['{\"a\": [1]}', '[2]', '3', null]::jsonb[]",)),
        Case("box[]", _quoted("{(1,1),(0,0);(2,2),(1,1)}")),
        Case("bytea[]", _quoted("{NULL}")),
    ),
    "enums": (Case("mood", _quoted("sad", "so-so")), Case("mood[]", _quoted("{sad,NULL}"))),
    "domains": (Case("positive", _quoted("5")), Case("positive[]", _quoted("{1,2}"))),
    "composites, rows": (Case("pair", (), as_text=("row(1, 'a b')", "row(null, '')")),),
    "ranges, multiranges": (
        Case("int4range", _quoted("[1,4]"), _range),
        Case("int4range", (), as_text=_quoted("empty", "[,4]")),
        Case("int4multirange", (), as_text=_quoted("{[1,2],[5,7]}")),
    ),
    "geometric": (
        Case("point", _quoted("(1,2.5)")),
        Case("polygon", _quoted("((0,0),(1,1),(1,0))")),
    ),
    "tsvector, tsquery": (
        Case("tsvector", ("$$'a':2 'b':1$$",)),
        Case("tsquery", ("$$'a' & 'b'$$",)),
    ),
    "extensions'": (Case("hstore", ("'a=>1, b=>NULL'",)), Case("hstore[]", ("array['a=>1']",))),
    "whatever else": (
        Case("regclass", _quoted("pg_class")),
        Case("pg_lsn", _quoted("16/B374D848")),
        Case("xid8", _quoted("7")),
    ),
}

TYPES: Final = (
    "create type mood as enum ('sad', 'so-so')",
    "create domain positive as bigint check (value > 0)",
    "create type pair as (a int, b text)",
    "create extension hstore",
)
"""What has to be there first, all in one schema."""


def way_in(case: Case, out: object) -> object:
    """Return what is given as a parameter for the value that came out as *out*."""
    is_json = case.type in ("json", "jsonb")
    return json.dumps(out) if is_json and isinstance(out, str) else out


def read(case: Case, out: object) -> object:
    """Return the value that a reader makes of *out*, by the rule of its type."""
    return case.read(out) if isinstance(out, str) else out


def documented_examples(heading: str = "Out") -> dict[str, str]:
    """Return the JSON of each value that docs/values.md has for an example under a heading."""
    text = (ROOT / "docs" / "values.md").read_text(encoding="utf-8")
    (section,) = [part for part in text.split("\n## ") if part.startswith(f"{heading}\n")]
    rows = re.findall(r"^\|.*\| `(.+)` \| `(.+)` \|$", section, re.MULTILINE)
    return dict(rows)
