"""The positive control: plant the secret where it must be found, and look whether it is.

A scanner that finds nothing may be blind. So a child of the scanner's own gets every spelling,
through a pipe and never by argument, and the scan of that child must find each one of them.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from subprocess import PIPE
from typing import Final

from console.scan.needles import Needles
from console.scan.report import SCANNER_ROLE, Hit, Place, Suspect, Unscanned

CONTROL_ROLE: Final = "positive control"
# No spelling of a text holds it, so no two planted needles are taken for one.
SEPARATOR: Final = b"\xff" * 16
PLANTED_PLACES: Final = (Place.MEMORY, Place.DESCRIPTOR, Place.PIPE, Place.SOCKET)

# A length, the raw secret's length, and that many bytes; then it holds still until its input ends.
_CHILD: Final = """
import os, socket, sys
length, first = map(int, sys.stdin.buffer.readline().split())
planted = sys.stdin.buffer.read(length)
memory = os.memfd_create("planted")
reader, writer = os.pipe()
here, there = socket.socketpair()
for descriptor in memory, writer, here.fileno():
    os.write(descriptor, planted[:first])
os.write(1, b"planted")
sys.stdin.buffer.read()
"""


@contextmanager
def planted(needles: Needles) -> Iterator[Suspect]:
    """Run a child that holds every needle, until the block ends."""
    contents = [needle.content for needle in needles.all]
    payload = SEPARATOR.join([*contents, b""])
    order = b"%d %d\n" % (len(payload), len(contents[0]))
    command = [sys.executable, "-I", "-S", "-c", _CHILD]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, env={}) as child:  # noqa: S603 - our own program
        if child.stdin is None or child.stdout is None:
            raise AssertionError("both were asked for")
        # A child that dies is one in which nothing will be found: the control fails, as it should.
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(order + payload)
            child.stdin.flush()
        child.stdout.read(len(b"planted"))
        try:
            yield Suspect(child.pid, CONTROL_ROLE, "planted")
        finally:
            # At the end of its input the child ends; one that is dead has left some of it unread.
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()


def blindness(needles: Needles, hits: Iterable[Hit]) -> list[Unscanned]:
    """Return the gap that a failed control is, given what a scan of it found; none if all."""
    found = {(hit.place, hit.encoding) for hit in hits if hit.whole}
    spellings = {(Place.MEMORY, needle.encoding) for needle in needles.all}
    places = {(place, needles.all[0].encoding) for place in PLANTED_PLACES}
    missed = sorted(f"{encoding} in {place}" for place, encoding in (spellings | places) - found)
    if not missed:
        return []
    reason = f"the scanner is blind here: it missed what it planted: {', '.join(missed)}"
    return [Unscanned(None, SCANNER_ROLE, CONTROL_ROLE, reason)]
