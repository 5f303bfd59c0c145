"""Look into what a process has open; consume nothing.

Files and memory files are read by content, pipes copied with tee(2), sockets peeked at. Not
seen: descriptors in flight inside a socket, and what a listening socket has not accepted yet.
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from console.scan.findings import MAX_FILE_BYTES, Findings, file_pieces, reason_of
from console.scan.kernel import borrow_descriptor
from console.scan.report import Place, is_secret_page
from console.scan.unread import Unread, unread_in_pipe, unread_in_socket

# Files that the kernel writes while they are read: they hold nothing that a process put there.
KERNEL_FILES: Final = ("/proc/", "/sys/")


def scan_descriptors(
    pid: int, pidfd: int, findings: Findings, *, vault_pages: frozenset[int]
) -> None:
    """Search everything that a process has open."""
    try:
        numbers = sorted(int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir())
    except OSError as error:
        findings.miss("descriptors", reason_of(error))
        return
    descriptors = _Descriptors(pid, pidfd, findings, vault_pages)
    for number in numbers:
        descriptors.look_at(number)


@dataclass(slots=True)
class _Descriptors:
    pid: int
    pidfd: int
    findings: Findings
    vault_pages: frozenset[int]
    seen: set[tuple[int, int]] = field(default_factory=set)

    def look_at(self, number: int) -> None:
        path = Path(f"/proc/{self.pid}/fd/{number}")
        where = f"descriptor {number}"
        try:
            target, status = str(path.readlink()), path.stat()
            where = f"{where} of {target}"
            if (status.st_dev, status.st_ino) in self.seen:
                return
            self._look_into(number, path, target=target, status=status)
        except FileNotFoundError:
            return  # closed meanwhile
        except OSError as error:
            self.findings.miss(where, reason_of(error))

    def _look_into(self, number: int, path: Path, *, target: str, status: os.stat_result) -> None:
        where = f"descriptor {number} of {target}"
        if stat.S_ISREG(status.st_mode):
            self.seen.add((status.st_dev, status.st_ino))
            if not target.startswith(KERNEL_FILES):
                self._file(path, where, target=target, status=status)
        elif stat.S_ISFIFO(status.st_mode):
            self._unread(Place.PIPE, where, unread_in_pipe(path))
        elif stat.S_ISSOCK(status.st_mode):
            borrowed = borrow_descriptor(self.pidfd, number)
            self._unread(Place.SOCKET, where, unread_in_socket(borrowed))
        elif stat.S_ISBLK(status.st_mode):
            self.findings.miss(where, "a block device")

    def _file(self, path: Path, where: str, *, target: str, status: os.stat_result) -> None:
        if is_secret_page(target) and status.st_ino in self.vault_pages:
            # The vault's own page, kept for it by another process that has not mapped it.
            self.findings.miss(where, "the vault's secret page", allowed=True)
            return
        scan_file(path, where, self.findings, place=Place.DESCRIPTOR)

    def _unread(self, place: Place, where: str, unread: Unread) -> None:
        offset = 0
        for piece in unread.pieces:
            self.findings.look(place, [(offset, piece)], where)
            offset += len(piece)
        if unread.more:
            self.findings.miss(where, "more is waiting in it than could be looked at")


def scan_file(path: Path, where: str, findings: Findings, *, place: Place, flags: int = 0) -> None:
    """Search what a file holds; raises OSError if it cannot be opened."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    try:
        findings.look(place, file_pieces(descriptor), where)
        if os.fstat(descriptor).st_size > MAX_FILE_BYTES:
            findings.miss(where, f"a file; all after its first {MAX_FILE_BYTES >> 20} MiB")
    finally:
        os.close(descriptor)
