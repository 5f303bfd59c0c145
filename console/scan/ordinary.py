"""Know which pieces of a secret are ordinary words: programs have them that never saw it.

A password with a word in it shares pieces with the texts of libraries, which every process has in
its memory. So a piece counts as ordinary if it is in a program's own file, or in the memory of a
process of ours that has loaded what all of them load and was never given a secret. Both are read
only once a piece is found somewhere: of a random password none ever is.
"""

import os
import stat
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE
from threading import Lock
from typing import Final

from console.scan.findings import MAX_FILE_BYTES, PIECE_BYTES
from console.scan.mappings import read_mappings
from console.scan.needles import Needle, Needles
from console.scan.report import SCANNER_ROLE, Unscanned

# What is left of a freed copy is short: with fewer of the pieces it would often be missed.
LEAST_SHARE_LEFT: Final = 0.5

_PACKAGES: Final = ("broker", "executor", "supervisor", "vault", "wire")
# Imports all that the roles import, says so, and holds still until its input ends.
_CHILD: Final = """
import contextlib, importlib, os, pkgutil, sys
for name in sys.argv[1:]:
    with contextlib.suppress(ImportError):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, name + "."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
os.write(1, b"loaded")
sys.stdin.buffer.read()
"""


class Ordinary:
    """Answers whether a piece is ordinary; remembers which ones were, and tells how many."""

    def __init__(self, pids: Collection[int]) -> None:
        """Take the programs of *pids*, and the libraries that they have loaded, for innocent."""
        self._pids = pids
        self._texts: list[bytes] = []
        self._known: dict[bytes, bool] = {}
        self._lock = Lock()

    def __call__(self, found: bytes, piece_bytes: int) -> bool:
        """Tell whether all pieces of that length in *found* are ordinary."""
        pieces = (found[at : at + piece_bytes] for at in range(len(found) - piece_bytes + 1))
        with self._lock:
            return all(map(self._is_known, pieces))

    def share(self, needles: Needles) -> tuple[int, int]:
        """Return how many pieces were not counted and how many there are, where it matters most."""
        return max(map(self._of, needles.all), key=lambda share: share[0] / max(1, share[1]))

    def gap(self, needles: Needles) -> list[Unscanned]:
        """Return what follows if so many were ordinary that a rest would be missed."""
        ordinary, pieces = self.share(needles)
        if pieces - ordinary >= LEAST_SHARE_LEFT * pieces:
            return []
        reason = (
            f"{ordinary} of its {pieces} pieces are ordinary words: "
            "what is left of a freed copy may have been missed"
        )
        return [Unscanned(None, SCANNER_ROLE, "fragments of the secret", reason)]

    def note(self, needles: Needles) -> list[str]:
        """Return the sentence that tells how many were not counted, never which."""
        ordinary, pieces = self.share(needles)
        if ordinary == 0:
            return []
        sentence = (
            f"{ordinary} of the secret's {pieces} pieces are ordinary words, which programs have"
            " that never saw it: alone, they are not counted."
        )
        return [sentence]

    def _of(self, needle: Needle) -> tuple[int, int]:
        size = needle.floor_bytes
        starts = range(len(needle.content) - size + 1)
        known = (self._known.get(needle.content[at : at + size], False) for at in starts)
        return sum(known), len(starts)

    def _is_known(self, piece: bytes) -> bool:
        if not self._texts:
            self._texts = [*_programs(self._pids), *_innocent_memory()]
        if piece not in self._known:
            self._known[piece] = any(piece in text for text in self._texts)
        return self._known[piece]


def _programs(pids: Collection[int]) -> Iterator[bytes]:
    """Yield each file once that any of *pids* executes, as it is on disk."""
    seen: set[tuple[int, int]] = set()
    for path in _executed(pids):
        with suppress(OSError):  # replaced or removed since it was started
            status = path.stat()
            identity = (status.st_dev, status.st_ino)
            if stat.S_ISREG(status.st_mode) and identity not in seen:
                seen.add(identity)
                with path.open("rb") as file:
                    yield file.read(MAX_FILE_BYTES)


def _executed(pids: Collection[int]) -> list[Path]:
    names: set[str] = set()
    for pid in pids:
        with suppress(OSError):  # it has exited, or is not ours to read: the report says so
            names |= {one.name for one in read_mappings(pid) if "x" in one.permissions}
    return [Path(name) for name in sorted(names) if name.startswith("/")]


def _innocent_memory() -> Iterator[bytes]:
    """Yield what a process has in memory that loaded our libraries and knows nothing."""
    # -B: root would leave bytecode in another user's checkout.
    command = [sys.executable, "-P", "-B", "-c", _CHILD, *_PACKAGES]
    path = os.environ.get("PYTHONPATH")
    environment = {} if path is None else {"PYTHONPATH": path}
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment
    ) as child:
        if child.stdout is None:
            raise AssertionError("it was asked for")
        child.stdout.read(len(b"loaded"))
        yield from _readable(child.pid)


def _readable(pid: int) -> Iterator[bytes]:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for mapping in read_mappings(pid):
            if mapping.permissions.startswith("r") and not mapping.is_of_the_kernel:
                text = bytearray()
                with suppress(OSError):  # past the end of a mapped file there is nothing
                    while (at := mapping.start + len(text)) < mapping.end:
                        text += os.pread(memory.fileno(), min(PIECE_BYTES, mapping.end - at), at)
                yield bytes(text)
