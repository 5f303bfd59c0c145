"""Take the configured credentials out of the environment or systemd's files, before all else.

Deleting a variable from `os.environ` leaves copies on the heap, on the stack and in the block that
`/proc/PID/environ` shows. So the values go to a memory file, and the process executes its own
command line again without them: the kernel throws the old address space away. A credential that is
not in the environment may be a file of that name in `$CREDENTIALS_DIRECTORY` (systemd.exec(5),
LoadCredential=), which goes the same way.

Standard library only, and of ours nothing but leaves of `wire`: every entry point imports this
module first. It reads of the configuration only which variables it names; whether it is right is
judged later, by others.
"""

import json
import os
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

from wire.exits import EXIT_CANNOT_START
from wire.json_words import what_is_wrong
from wire.takeout_fd import MEMORY_FILE_NAME, SECRETS_FD, inherited_descriptor

CREDENTIALS_DIRECTORY: Final = b"CREDENTIALS_DIRECTORY"

# Far above the longest `username:password` that the vault takes; it judges, this only bounds.
_FILE_BYTES: Final = 1 << 16


def take_credentials(argv: Sequence[str], *, reexec: Sequence[str]) -> int | None:
    """Move the configured credentials from where they are to a descriptor, and return it.

    On the first pass this does not return if there is something to take: it executes *reexec*, the
    whole command line of this process, with the descriptor inheritable and its number in
    `STRONGROOM_SECRETS_FD`. On the second pass it returns that number. None means that no
    configuration is given or that nothing it names is set, which is for the supervisor to report.
    A variable counts before a file. A configuration, or a file that is there, that cannot be read
    ends the process with one sentence and status 2.
    """
    inherited = inherited_descriptor()
    path = configuration_path(argv)
    if inherited is not None or path is None:
        return inherited
    names = _variables_named_in(path)
    records = {name: os.environb[name] for name in names if name in os.environb}
    records = {**_from_files(name for name in names if name not in records), **records}
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


def _from_files(names: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return what systemd's files of those names hold, less one line end."""
    directory = os.environb.get(CREDENTIALS_DIRECTORY, b"")
    if not directory.startswith(b"/"):
        return {}
    found: dict[bytes, bytes] = {}
    for name in names:
        # Whatever is more than a file's name would lead elsewhere.
        if name in {b"", b".", b".."} or b"/" in name or b"\0" in name:
            continue
        content = _content(os.path.join(directory, name))  # noqa: PTH118 - of bytes, as names are
        if content is not None:
            found[name] = content.removesuffix(b"\n").removesuffix(b"\r")
    return found


def _content(path: bytes) -> bytes | None:
    """Return what is in the file, None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        _end(f"credential file {os.fsdecode(path)} cannot be read: {error.strerror}")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        _end(f"credential file {os.fsdecode(path)} is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(_FILE_BYTES + 1)
    if len(content) > _FILE_BYTES:
        _end(f"credential file {os.fsdecode(path)} has more than {_FILE_BYTES} bytes")
    return content


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
        _refuse(path, f"is not JSON: {what_is_wrong(error)}")
    except RecursionError:
        _refuse(path, "is not a configuration: it is nested too deeply")
    return names


def _text_of(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            _refuse(path, "is not a regular file; it is read more than once, so it has to be one")
        return path.read_bytes().decode("utf-8-sig")  # some editors begin with a mark
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        _refuse(path, f"is not UTF-8 text: line {line}")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        _refuse(path, f"cannot be read: {reason}")


def _refuse(path: Path, why: str) -> NoReturn:
    """End the process with one sentence, which holds nothing of what the file says."""
    _end(f"configuration {path} {why}")


def _end(sentence: str) -> NoReturn:
    sys.stderr.write(f"strongroom: {sentence}\n")
    raise SystemExit(EXIT_CANNOT_START) from None
