"""A value or two of each type of MySQL and MariaDB, and what a reader makes of its JSON.

docs/values.md has a row for each kind; a contract test compares them.
"""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

Read: TypeAlias = Callable[[str], object]


def _as_it_is(text: str) -> object:
    return text


def _bytes(text: str) -> object:
    assert text.startswith("\\x")
    return bytes.fromhex(text[2:])


def _bits(text: str) -> object:
    return int(text, 2).to_bytes((len(text) + 7) // 8, "big")


def _time(text: str) -> object:
    found = re.fullmatch(r"(-?)(\d+):(\d\d):(\d\d(?:\.\d+)?)", text)
    assert found is not None
    sign = -1 if found[1] else 1
    return sign * dt.timedelta(hours=int(found[2]), minutes=int(found[3]), seconds=float(found[4]))


@dataclass(frozen=True)
class Case:
    """One type: values as SQL writes them, and how a driver's value is made of their JSON."""

    type: str
    """As a table's column has it."""
    called: str
    """What `columns` says."""
    values: tuple[str, ...]
    read: Read = _as_it_is
    way_in: str = ":x"
    """How the text that came out is written in again."""


_HEX: Final = "unhex(substr(:x, 3))"

CASES: Final[dict[str, tuple[Case, ...]]] = {
    "any, NULL": (Case("int", "int", ("null",)), Case("varchar(9)", "varchar", ("null",))),
    "tinyint, smallint, mediumint, int": (
        Case("tinyint", "tinyint", ("-128", "127")),
        Case("bool", "tinyint", ("true", "false")),
        Case("tinyint unsigned", "tinyint unsigned", ("255",)),
        Case("smallint", "smallint", ("-32768",)),
        Case("mediumint", "mediumint", ("8388607",)),
        Case("int", "int", ("-2147483648", "0")),
        Case("int unsigned", "int unsigned", ("4294967295",)),
        Case("int(6) zerofill", "int unsigned", ("42",)),
    ),
    "bigint": (
        Case("bigint", "bigint", ("0", "9007199254740992", "-9007199254740992")),
        Case("bigint", "bigint", ("9007199254740993", "-9223372036854775808"), int),
        Case("bigint unsigned", "bigint unsigned", ("18446744073709551615",), int),
    ),
    "float, double": (
        Case("double", "double", ("0.1", "-1e300", "5e-324", "123456789012345680")),
        Case("float", "float", ("0.1", "1e10")),
    ),
    "decimal": (
        Case("decimal(65,30)", "decimal", ("1.5", "-0.000000000000000000000000000001"), Decimal),
        Case("decimal(5,3)", "decimal", ("1.5",), Decimal),
        Case("decimal(20) unsigned", "decimal unsigned", ("99999999999999999999",), Decimal),
    ),
    "bit": (
        Case("bit(4)", "bit", ("b'0101'", "b'0'"), _bits, "conv(:x, 2, 10) + 0"),
        Case("bit(64)", "bit", (f"b'1{'0' * 62}1'",), _bits, "cast(conv(:x, 2, 10) as unsigned)"),
    ),
    "char, varchar, text": (
        Case("varchar(40)", "varchar", ("''", "' '", "'NULL'", "'ü € 𝄞 '", "'it''s'")),
        Case("text", "text", ("'a\\nb\\t\"\\\\ \\''", "''")),
        Case("longtext", "text", ("repeat('x', 70000)",)),
        Case("char(5)", "char", ("'ü €  '",)),
    ),
    "enum, set": (
        Case("enum('sad', 'so-so')", "enum", ("'so-so'",)),
        Case("set('a', 'b', 'ü')", "set", ("'a,ü'", "''")),
    ),
    "binary, varbinary, blob": (
        Case("varbinary(9)", "varbinary", ("x'00ff5c27'", "''"), _bytes, _HEX),
        Case("binary(3)", "binary", ("x'01'",), _bytes, _HEX),
        Case("blob", "blob", ("x'00ff'", "''"), _bytes, _HEX),
        Case("mediumblob", "blob", ("repeat(x'ff', 70000)",), _bytes, _HEX),
    ),
    "date": (Case("date", "date", ("'2026-02-03'", "'1000-01-01'"), dt.date.fromisoformat),),
    "time": (
        Case("time", "time", ("'04:05:06'", "'-00:00:01'", "'838:59:59'"), _time),
        Case("time(6)", "time", ("'-120:00:00.5'",), _time),
    ),
    "datetime, timestamp": (
        Case("datetime", "datetime", ("'2026-02-03 04:05:06'",), dt.datetime.fromisoformat),
        Case("datetime(6)", "datetime", ("'9999-12-31 23:59:59.7'",), dt.datetime.fromisoformat),
        Case("timestamp", "timestamp", ("'2026-02-03 04:05:06'",), dt.datetime.fromisoformat),
    ),
    "zero dates": (
        Case("date", "date", ("'0000-00-00'", "'2026-00-00'")),
        Case("datetime", "datetime", ("'0000-00-00 00:00:00'",)),
    ),
    "year": (Case("year", "year", ("2026", "0", "1901")),),
    "geometry": (Case("point", "geometry", ("point(1, 2.5)",), _bytes, _HEX),),
}


def read(case: Case, out: object) -> object:
    """Return the value that a reader makes of *out*, by the rule of its type."""
    return case.read(out) if isinstance(out, str) else out
