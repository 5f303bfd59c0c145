"""Take the configured credentials out of the environment, before anything else runs.

Deleting a variable from `os.environ` leaves copies on the heap, on the stack and in the block that
`/proc/PID/environ` shows. So the values go to a memory file, and the process executes its own
command line again without them: the kernel throws the old address space away.

Standard library only, and of ours nothing but two leaves of `wire`: every entry point imports this
module first. It reads of the configuration only which variables it names; whether it is right is
judged later, by others.
"""

import json
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from wire.exits import EXIT_CANNOT_START
from wire.takeout_fd import MEMORY_FILE_NAME, SECRETS_FD, inherited_descriptor


def take_credentials(argv: Sequence[str], *, reexec: Sequence[str]) -> int | None:
    """Move the configured credentials from the environment to a descriptor, and return it.

    On the first pass this does not return if there is something to take: it executes *reexec*, the
    whole command line of this process, with the descriptor inheritable and its number in
    `STRONGROOM_SECRETS_FD`. On the second pass it returns that number. None means that no
    configuration is given or that nothing it names is set, which is for the supervisor to report.
    A configuration that cannot be read ends the process with one sentence and status 2.
    """
    inherited = inherited_descriptor()
    path = configuration_path(argv)
    if inherited is not None or path is None:
        return inherited
    records = {name: os.environb[name] for name in _variables_named_in(path) if name in os.environb}
    if records:
        _execute_again_without(records, reexec)
    return None


def configuration_path(argv: Sequence[str]) -> Path | None:
    """Return the value of the last `--config` in *argv*; abbreviations are not options of ours."""
    found: Path | None = None
    for position, argument in enumerate(argv):
        name, equals, value = argument.partition("=")
        if name != "--config":
            continue
        if equals:
            found = Path(value)
        elif position + 1 < len(argv):
            found = Path(argv[position + 1])
    return found


def store(records: Mapping[bytes, bytes]) -> int:
    """Return a memory file that holds *records* as `NAME=value`, each ended by a zero byte.

    The descriptor is inheritable. The file has no write seal: the vault overwrites it when it has
    sealed what is in it.
    """
    descriptor = os.memfd_create(MEMORY_FILE_NAME, 0)  # no flags: it outlives the next exec
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        for name, value in records.items():
            file.write(b"%b=%b\0" % (name, value))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def discard() -> None:
    """Overwrite and close what was taken out: nobody here needs it any more."""
    descriptor = inherited_descriptor()
    os.environ.pop(SECRETS_FD, None)
    if descriptor is None:
        return
    os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
    os.close(descriptor)


def _execute_again_without(records: Mapping[bytes, bytes], reexec: Sequence[str]) -> NoReturn:
    descriptor = store(records)
    kept = {name: value for name, value in os.environb.items() if name not in records}
    kept[SECRETS_FD.encode()] = b"%d" % descriptor
    os.execve(reexec[0], list(reexec), kept)  # noqa: S606 - our own command line, no shell


def _variables_named_in(path: Path) -> list[bytes]:
    """Return every string that stands under a key `credentialsEnv`, wherever that is in the file.

    Looking everywhere keeps the take-out whole when the file is wrong in some other way: twice the
    same connection name, or a level too many.
    """
    names: list[bytes] = []

    def note(pairs: list[tuple[str, object]]) -> None:
        # surrogatepass: a lone surrogate in the file names no variable, and must not raise either.
        names.extend(
            value.encode("utf-8", "surrogatepass")
            for key, value in pairs
            if key == "credentialsEnv" and isinstance(value, str)
        )

    try:
        json.loads(_text_of(path), object_pairs_hook=note, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        # Its message says what was expected, never what was there.
        _refuse(path, f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}")
    except RecursionError:
        _refuse(path, "is not a configuration: it is nested too deeply")
    return names


def _text_of(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            _refuse(path, "is not a regular file; it is read more than once, so it has to be one")
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        _refuse(path, f"is not UTF-8 text: line {line}")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        _refuse(path, f"cannot be read: {reason}")


def _refuse(path: Path, why: str) -> NoReturn:
    """End the process with one sentence, which holds nothing of what the file says."""
    sys.stderr.write(f"strongroom: configuration {path} {why}\n")
    raise SystemExit(EXIT_CANNOT_START) from None
