"""What no log may hold, and every byte that was logged while the tests ran.

Whoever makes a secret registers it here; whoever captures a log hands it in. Both go to files of
the session's directory, because tests may run in several processes, and `canary_check.py` looks for
the ones in the others when all have ended. Only the directory's name is in the environment.
"""

import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from console.scan.needles import Needle, Needles, needles_for
from console.scan.search import Search

DIRECTORY: Final = "STRONGROOM_TEST_CANARIES"

# Shorter ones are found by chance; tests of short passwords look for theirs themselves.
MIN_CHARACTERS: Final = 8
# A status and a log may show the first eight characters of an id.
PART_BYTES: Final = 12


@dataclass(frozen=True)
class Found:
    """One canary in one log; neither is shown."""

    canary: str
    log: str
    encoding: str
    offset: int

    def __str__(self) -> str:
        return f"{self.canary} ({self.encoding}) in {self.log} at {self.offset:#x}"


def register(what: str, secret: str | bytes) -> None:
    """Have no log hold *secret*; *what* names it where it is found."""
    content = secret.encode() if isinstance(secret, str) else secret
    directory = _directory("canaries")
    if directory is not None and len(content.decode(errors="replace")) >= MIN_CHARACTERS:
        (directory / secrets.token_hex(8)).write_bytes(what.encode() + b"\n" + content)


def marker(what: str) -> str:
    """Return a word that is nowhere else, and have no log hold it."""
    word = f"zq{secrets.token_hex(12)}"
    register(what, word)
    return word


def hand_in(what: str, log: bytes) -> None:
    """Have this log searched at the end; *what* names it."""
    directory = _directory("logs")
    if directory is not None and log:
        (directory / secrets.token_hex(8)).write_bytes(what.encode() + b"\n" + log)


def hand_in_later(path: Path) -> None:
    """Have the log that is there at the end searched."""
    directory = _directory("later")
    if directory is not None:
        (directory / secrets.token_hex(8)).write_bytes(os.fsencode(path))


def search(session: Path) -> list[Found]:
    """Return every canary of that session's directory in every log that was handed in."""
    canaries = list(_named(session / "canaries"))
    if not canaries:
        return []
    needles = _together(canaries)
    logs = [*_named(session / "logs"), *_left_behind(session / "later")]
    return [found for what, log in logs for found in _in_log(needles, what, log)]


def make(session: Path) -> None:
    """Make the directory of a session."""
    for name in ("canaries", "logs", "later"):
        (session / name).mkdir(mode=0o700)


def _directory(name: str) -> Path | None:
    """Return where to put it, None where nobody looks: a benchmark, say."""
    session = os.environ.get(DIRECTORY)
    return None if session is None else Path(session) / name


def _named(directory: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(directory.iterdir()):
        what, _, content = path.read_bytes().partition(b"\n")
        yield what.decode(), content


def _left_behind(directory: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(directory.iterdir()):
        log = Path(os.fsdecode(path.read_bytes()))
        if log.exists():
            yield log.name, log.read_bytes()


def _together(canaries: Iterable[tuple[str, bytes]]) -> Needles:
    """Return the spellings of all canaries, to be looked for at once."""
    each = [_of_one(what, secret) for what, secret in canaries]
    windows: dict[int, list[tuple[Needle, int]]] = {}
    for one in each:
        for word, places in one.windows.items():
            windows.setdefault(word, []).extend(places)
    return Needles(
        all=tuple(needle for one in each for needle in one.all),
        characters=min(one.characters for one in each),
        windows=windows,
        words=frozenset(windows),
        short=tuple(needle for one in each for needle in one.short),
    )


def _of_one(what: str, secret: bytes) -> Needles:
    plain = needles_for(secret)

    def renamed(needle: Needle) -> Needle:
        floor_bytes = min(len(needle.content), max(needle.floor_bytes, PART_BYTES))
        return replace(needle, encoding=f"{what}: {needle.encoding}", floor_bytes=floor_bytes)

    known = {id(needle): renamed(needle) for needle in plain.all}
    return replace(
        plain,
        all=tuple(known.values()),
        windows={
            word: [(known[id(needle)], index) for needle, index in places]
            for word, places in plain.windows.items()
        },
        short=tuple(known[id(needle)] for needle in plain.short),
    )


def _in_log(needles: Needles, what: str, log: bytes) -> Iterator[Found]:
    searching = Search(needles)
    searching.feed(0, log)
    searching.finish()
    for run in searching.runs:
        canary, _, encoding = run.encoding.partition(": ")
        yield Found(canary, what, encoding, run.offset)
