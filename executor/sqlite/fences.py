"""What a file executor keeps of the file system: the directories of its files.

SQLite makes, writes and removes a journal or a log beside a file. Of a file that is only read it
does so, too, when the file has a write-ahead log; a directory without such files is read only.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from executor import landlock
from executor.sandbox import give_up
from executor.sqlite.settings import FileAccess, FileExecutorSettings
from wire.logs import Log

MEMORY_BYTES: Final = 4 << 30
"""Address space; what SQLite may have of it is less, and says so before this is reached."""

_VERSION_AT: Final = 18
"""Where a file says whether it has a write-ahead log (https://www.sqlite.org/fileformat.html)."""
_HAS_LOG: Final = 2


def confine(settings: FileExecutorSettings, log: Log) -> None:
    """Give up all but those directories; before any thread starts."""
    give_up(rights(settings.files.values()), memory_bytes=MEMORY_BYTES, log=log)


def rights(files: Iterable[FileAccess]) -> dict[Path, int]:
    """Return what is kept of each directory that exists; the most that a file in it needs."""
    kept: dict[Path, int] = {}
    for file in files:
        path = Path(file.path)
        if path.parent.is_dir():
            needed = landlock.WRITING if _needs_writing(file, path) else landlock.READING
            kept[path.parent] = kept.get(path.parent, 0) | needed
    return kept


def _needs_writing(file: FileAccess, path: Path) -> bool:
    if file.access == "read-write":
        return True
    try:
        with path.open("rb") as opened:
            header = opened.read(_VERSION_AT + 1)
    except OSError:
        return False
    return header[_VERSION_AT:] == bytes([_HAS_LOG])
