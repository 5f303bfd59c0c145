"""Read the lists of a process's mappings and pages in /proc; read no memory."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console.scan.report import is_secret_page

# Pages of the kernel's own, the same in each process, which no process can write.
KERNEL_MAPPINGS: Final = frozenset({"[vvar]", "[vvar_vclock]", "[vsyscall]"})
PAGEMAP_ENTRY_BYTES: Final = 8
# proc(5), pagemap: bit 63 is "present" and bit 62 "swapped", the top two of the top byte.
_HELD: Final = re.compile(rb"[\x40-\xff]+", re.DOTALL)
_LINE: Final = re.compile(r"^(\w+)-(\w+) (\S+) (\w+) \S+ (\d+) *(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line of /proc/PID/maps."""

    start: int
    end: int
    permissions: str
    offset: int
    inode: int
    name: str

    @property
    def title(self) -> str:
        """Return a name for people."""
        return f"{self.name or 'anonymous'} {self.permissions} {self.start:#x}"

    @property
    def is_shared(self) -> bool:
        """Say whether its pages are those of what is mapped, rather than copies."""
        return self.permissions.endswith("s")

    @property
    def others_may_write(self) -> bool:
        """Say whether it may hold what this process never touched: shared, or a memory file."""
        return self.is_shared or self.name.startswith("/memfd:")

    @property
    def is_of_the_kernel(self) -> bool:
        """Say whether no process can write it."""
        return self.name in KERNEL_MAPPINGS


def parse_mappings(text: str) -> list[Mapping]:
    """Return the mappings that a maps file tells of."""
    return [
        Mapping(int(start, 16), int(end, 16), permissions, int(offset, 16), int(inode), name)
        for start, end, permissions, offset, inode, name in _LINE.findall(text)
    ]


def read_mappings(pid: int) -> list[Mapping]:
    """Return the mappings of a process; none if it is a zombie."""
    return parse_mappings(Path(f"/proc/{pid}/maps").read_text(errors="surrogateescape"))


def secret_pages(pid: int) -> frozenset[int]:
    """Return the inodes of the memfd_secret pages that a process has mapped."""
    try:
        mappings = read_mappings(pid)
    except OSError:
        return frozenset()
    return frozenset(mapping.inode for mapping in mappings if is_secret_page(mapping.name))


def held_pages(entries: bytes) -> Iterator[tuple[int, int]]:
    """Yield the first and the last-but-one page of each run that *entries* of a pagemap tell of."""
    tops = entries[PAGEMAP_ENTRY_BYTES - 1 :: PAGEMAP_ENTRY_BYTES]
    for match in _HELD.finditer(tops):
        yield match.start(), match.end()
