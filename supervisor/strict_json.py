"""Read a JSON file that people write, and say where it is wrong without quoting it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from wire.json_words import what_is_wrong

FILE_MAX_BYTES: Final = 1 << 20
"""Thousands of connections; a larger file is the wrong file."""


class NotJsonError(ValueError):
    """A file is not JSON; the text says why and where, never what stands there."""


class JsonObject(dict[str, object]):
    """A JSON object that remembers which of its keys stood in it more than once."""

    twice: tuple[str, ...] = ()


def read_json(path: Path) -> object:
    """Return what *path* holds, every object a `JsonObject`; raise NotJsonError."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise NotJsonError(f"cannot be read: {reason}") from None
    return parse_json(data)


def parse_json(data: bytes) -> object:
    """Return the value that *data* holds, every object a `JsonObject`; raise NotJsonError."""
    if len(data) > FILE_MAX_BYTES:
        raise NotJsonError(f"is larger than {FILE_MAX_BYTES >> 20} MiB")
    if not data.strip():
        raise NotJsonError("is empty")
    text = _decoded(data)
    try:
        found: object = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise NotJsonError(f"is not JSON: {what_is_wrong(error)}") from None
    except RecursionError:
        raise NotJsonError("is nested too deeply") from None
    except ValueError:
        raise NotJsonError("has a number that is not one") from None
    return found


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")  # some editors begin with a mark
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise NotJsonError(f"is not UTF-8 text: line {line}") from None


def _object(pairs: Sequence[tuple[str, object]]) -> JsonObject:
    found = JsonObject()
    twice: list[str] = []
    for key, value in pairs:
        if key in found:
            twice.append(key)
        found[key] = value
    found.twice = tuple(twice)
    return found


def _no_constant(_name: str) -> NoReturn:
    raise ValueError
