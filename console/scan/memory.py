"""Read every page that a process has, through /proc/PID/mem; change nothing in it.

Threads share one memory, so once per process is enough. Swapped pages count, and so do pages
that the process itself may not read (PROT_NONE). The target runs on meanwhile: what it maps
after the list of mappings was read is not seen.
"""

import bisect
import contextlib
import errno
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from console.scan.findings import PIECE_BYTES, Findings, file_pieces, reason_of
from console.scan.mappings import PAGEMAP_ENTRY_BYTES, Mapping, held_pages, read_mappings
from console.scan.report import VAULT_ROLE, Place, is_secret_page

PAGES_AT_ONCE: Final = 1 << 16


def scan_memory(pid: int, findings: Findings) -> None:
    """Search all of a process's memory."""
    try:
        memory = _Memory(pid, findings)
    except OSError as error:
        findings.miss("memory", reason_of(error))
        return
    with contextlib.closing(memory):
        if memory.is_empty:
            findings.miss("memory", "it has none: a zombie, or a thread of the kernel")
        behind = memory.look_behind_mappings()
        findings.look(Place.MEMORY, memory.pieces(behind=behind), memory.where)


class _Memory:
    def __init__(self, pid: int, findings: Findings) -> None:
        self._pid, self._findings = pid, findings
        self._mappings = read_mappings(pid)
        self._starts = [mapping.start for mapping in self._mappings]
        self._read_fully: set[Mapping] = set()
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        self._memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        self._pagemap = -1
        with contextlib.suppress(OSError):
            self._pagemap = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)

    @property
    def is_empty(self) -> bool:
        return not self._mappings

    def close(self) -> None:
        os.close(self._memory)
        if self._pagemap >= 0:
            os.close(self._pagemap)

    def where(self, address: int) -> str:
        index = bisect.bisect_right(self._starts, address) - 1
        return self._mappings[index].title if index >= 0 else "memory"

    def pieces(self, *, behind: Collection[Mapping]) -> Iterator[tuple[int, bytes]]:
        for mapping in self._mappings:
            if mapping.is_of_the_kernel or mapping in behind:
                continue
            for start, end in self._held(mapping):
                yield from self._read(start, end)

    def look_behind_mappings(self) -> list[Mapping]:
        """Search what is mapped, and return the mappings that this covers.

        This process may never have touched what others wrote there.
        """
        candidates = [mapping for mapping in self._mappings if mapping.others_may_write]
        return [mapping for mapping in candidates if self._looked_behind(mapping)]

    def _held(self, mapping: Mapping) -> Iterator[tuple[int, int]]:
        """Yield the ranges of present and swapped pages; all of it where that does not tell."""
        size = self._page_bytes
        everything = mapping in self._read_fully or is_secret_page(mapping.name)
        if self._pagemap < 0 or everything:
            yield mapping.start, mapping.end
            return
        for start in range(mapping.start, mapping.end, PAGES_AT_ONCE * size):
            pages = min(PAGES_AT_ONCE, (mapping.end - start) // size)
            where = start // size * PAGEMAP_ENTRY_BYTES
            entries = os.pread(self._pagemap, pages * PAGEMAP_ENTRY_BYTES, where)
            for first, last in held_pages(entries):
                yield start + first * size, start + last * size

    def _read(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        at = start
        while at < end:
            piece = self._piece(at, end)
            if piece is None:
                at = self._after_gap(at, end)
            elif not piece:
                return  # the process has exited, which its pidfd tells too
            else:
                yield at, piece
                at += len(piece)

    def _piece(self, start: int, end: int) -> bytes | None:
        try:
            return os.pread(self._memory, min(PIECE_BYTES, end - start), start)
        except OSError as error:
            if error.errno not in {errno.EIO, errno.EFAULT}:
                raise
            return None

    def _after_gap(self, address: int, end: int) -> int:
        """Return where to go on after an unreadable page, and note it if it is really there.

        What was unmapped since the list was read is no gap: the process gave it back.
        """
        for mapping in read_mappings(self._pid):
            if mapping.end <= address:
                continue
            if mapping.start > address:
                return min(mapping.start, end)
            if self._piece(address, address + 1) is None:
                allowed = is_secret_page(mapping.name) and self._findings.suspect.role == VAULT_ROLE
                name = mapping.name or f"anonymous {mapping.permissions}"
                self._findings.miss(name, "unreadable memory", allowed=allowed)
                return min(mapping.end, end)
            return address
        return end

    def _looked_behind(self, mapping: Mapping) -> bool:
        path = Path(f"/proc/{self._pid}/map_files/{mapping.start:x}-{mapping.end:x}")
        try:
            # Opening a device may do something; only what is plainly a file is opened.
            if not stat.S_ISREG(path.stat().st_mode) or is_secret_page(mapping.name):
                return False
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False  # unmapped meanwhile
        except PermissionError:
            # Only root may. Reading the pages brings them in, which is second best.
            self._read_fully.add(mapping)
            return False
        except OSError as error:
            self._findings.miss(f"what is behind {mapping.title}", reason_of(error))
            return False
        end = mapping.offset + mapping.end - mapping.start
        pieces = file_pieces(descriptor, mapping.offset, end)
        self._findings.look(Place.MEMORY, pieces, f"what is behind {mapping.title}")
        os.close(descriptor)
        return mapping.is_shared
