"""What a scan found, what it could not look at, and what follows from both; touch nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

# The one place where the design lets a secret be, and where no scanner can look.
VAULT_ROLE: Final = "vault"
# Whose gaps these are when they are of no process.
SCANNER_ROLE: Final = "scanner"
PAGE_OF_SECRETS: Final = "/secretmem"


class Verdict(Enum):
    """The answer to *is the secret there?*, as an exit code."""

    CLEAN = 0
    FOUND = 1
    INCOMPLETE = 2


class Place(StrEnum):
    """Where in a process, or in a directory, a hit lies."""

    MEMORY = "memory"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command line"
    NAME = "process name"
    DESCRIPTOR = "descriptor"
    PIPE = "pipe"
    SOCKET = "socket"
    FILE = "file"
    FILE_NAME = "file name"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A process to look into."""

    pid: int
    role: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """The secret, or what is left of it, in one place."""

    place: Place
    pid: int | None
    role: str
    where: str
    encoding: str
    offset: int
    length_bytes: int
    whole: bool
    context: str


@dataclass(frozen=True, slots=True)
class Unscanned:
    """Something that was not looked at, and why; *allowed* if the design says so."""

    pid: int | None
    role: str
    where: str
    reason: str
    allowed: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What one process, or one directory (which has no pid), gave."""

    pid: int | None
    role: str
    name: str
    hits: tuple[Hit, ...] = ()
    unscanned: tuple[Unscanned, ...] = ()
    unlisted_hits: int = 0
    scanned_bytes: int = 0
    seconds: float = 0.0
    gone: bool = False

    @property
    def verdict(self) -> Verdict:
        """Say what this part alone would be called."""
        return verdict_of(self.hits, self.unscanned)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a scan."""

    parts: tuple[Part, ...]
    scanner: tuple[Unscanned, ...]
    excluded_pids: tuple[int, ...]
    secret_characters: int
    fragments_sought: bool
    expected_chance_hits: float
    seconds: float

    @property
    def hits(self) -> tuple[Hit, ...]:
        """Return every hit that is listed."""
        return tuple(hit for part in self.parts for hit in part.hits)

    @property
    def unscanned(self) -> tuple[Unscanned, ...]:
        """Return everything that was not looked at, allowed or not."""
        return (*self.scanner, *(entry for part in self.parts for entry in part.unscanned))

    @property
    def scanned_bytes(self) -> int:
        """Return how much was read."""
        return sum(part.scanned_bytes for part in self.parts)

    @property
    def verdict(self) -> Verdict:
        """Return FOUND for any hit, else INCOMPLETE for any gap that is not allowed."""
        return verdict_of(self.hits, self.unscanned)


def verdict_of(hits: Iterable[Hit], unscanned: Iterable[Unscanned]) -> Verdict:
    """Weigh what was found against what could not be looked at."""
    if any(hits):
        return Verdict.FOUND
    if any(not entry.allowed for entry in unscanned):
        return Verdict.INCOMPLETE
    return Verdict.CLEAN


def is_secret_page(name: str) -> bool:
    """Say whether a mapping or descriptor of this name is one of memfd_secret(2)."""
    return name.startswith(PAGE_OF_SECRETS)
