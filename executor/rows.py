"""The JSON of a result, whichever engine its rows come from; docs/values.md says what it holds."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Final, TypeAlias, TypeVar

import msgspec
from msgspec import Raw

MakeRow: TypeAlias = Callable[..., object]

T = TypeVar("T")

SHAPES_MAX: Final = 256
SHAPE_NAMES_MAX: Final = 100
SHAPE_CHARACTERS_MAX: Final = 4096
"""A shape with more is not kept: what is kept is kept for good, and beside other clients'."""

EXACT_MAX: Final = 2**53
"""Beyond it a float64, which is all that many JSON readers have, skips integers."""

_LINE_BREAKS: Final = bytes.maketrans(b"\r\n", b"  ")
_encode: Final = msgspec.json.Encoder().encode
_check_json: Final = msgspec.json.Decoder().decode


class ResultTooLargeError(Exception):
    """The result's JSON is longer than it may be."""


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return *names* with `_2`, `_3` after those that came before."""
    taken = set(names)
    following: dict[str, int] = {}
    unique = []
    for name in names:
        chosen, number = name, following.get(name, 1)
        if number > 1:
            while (chosen := f"{name}_{number}") in taken:
                number += 1
            taken.add(chosen)
        following[name] = number + 1
        unique.append(chosen)
    return tuple(unique)


def row_maker(names: tuple[str, ...]) -> MakeRow:
    """Return what makes one row with these column names."""
    if len(names) > SHAPE_NAMES_MAX or sum(map(len, names)) > SHAPE_CHARACTERS_MAX:
        return partial(_dict_row, names)
    return _struct_row(names)


def in_parts(
    rows: Sequence[T], names: Sequence[str], bytes_left: Callable[[], int]
) -> Iterator[Sequence[T]]:
    """Yield *rows* in parts, each of which may fit what is left when it is taken.

    A NULL takes one byte of what a server sends, and in JSON the column's name: so many rows may
    not become JSON together as may come together.
    """
    least_bytes = len(_encode(dict.fromkeys(names)))
    at = 0
    while at < len(rows):
        count = max(1, bytes_left() // least_bytes + 1)
        yield rows[at : at + count]
        at += count


@lru_cache(SHAPES_MAX)
def _struct_row(names: tuple[str, ...]) -> MakeRow:
    """Return what makes a row that is encoded twice as fast as a dict."""
    fields = [f"f{i}" for i in range(len(names))]
    try:
        return msgspec.defstruct(
            "Row",
            [(field, object) for field in fields],
            rename=dict(zip(fields, names, strict=True)),
            gc=False,
        )
    except ValueError:
        # msgspec takes no field name that JSON must escape.
        return partial(_dict_row, names)


def rows_json(parts: Sequence[bytes], *, rows: int, columns: bytes, is_truncated: bool) -> bytes:
    """Return the structured content of a result with rows, from the JSON of its parts."""
    return b'{"success":true,"rows":[%b],"row_count":%d,"columns":%b%b}' % (
        b",".join(parts),
        rows,
        columns,
        b',"truncated":true' if is_truncated else b"",
    )


def affected_json(affected: int) -> bytes:
    """Return the structured content of a result without rows."""
    return b'{"success":true,"affected_rows":%d}' % affected


def embedded_json(data: bytes) -> Raw | str:
    """Return what a server calls JSON, to stand in ours as it is: one value and no more.

    Otherwise a server could end our object and go on with another. What a database takes for JSON
    and some readers do not (a lone surrogate, a number beyond any float64) is text as well.
    """
    # A line break in JSON text is only space, but would end a message on standard output.
    raw = data.translate(_LINE_BREAKS)
    try:
        _check_json(raw)
    except (msgspec.DecodeError, RecursionError):
        return raw.decode()
    return Raw(raw)


def _dict_row(names: tuple[str, ...], *row: object) -> dict[str, object]:
    return dict(zip(names, row, strict=True))
