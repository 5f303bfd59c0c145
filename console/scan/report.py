"""What a scan found, what it could not look at, and what follows from both; touch nothing."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Final

# The one place where the design lets a secret be, and where no scanner can look.
VAULT_ROLE: Final = "vault"
# Whose gaps these are when they are of no process.
SCANNER_ROLE: Final = "scanner"
PAGE_OF_SECRETS: Final = "/secretmem"
# The demo's keeper and the PostgreSQL that it runs.
SERVER_ROLES: Final = frozenset({"demo", "child of demo"})
OF_A_SERVER: Final = ("ClientKey ", "StoredKey ", "ServerKey ", "MD5 ")
"""What a database server holds, or sees at each login; not the key that they are made from."""

CHANCE_HITS: Final = 0.5
_TELLING: Final = re.compile(r"(?i)(pass(word|wd)?|pwd|secret|credentials?|pgpassword)\W{1,4}$")


class Verdict(Enum):
    """The answer to *is the secret there?*, as an exit code."""

    CLEAN = 0
    FOUND = 1
    INCOMPLETE = 3


class Standing(StrEnum):
    """What a hit means."""

    COUNTS = "counts"
    OF_A_SERVER = "a database server's own"
    MAY_BE_CHANCE = "may be chance"


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
    STATUS = "status"


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
    standing: Standing = Standing.COUNTS


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
    sought: tuple[str, ...] = ()
    """What else than the secret was looked for, by name."""
    notes: tuple[str, ...] = ()
    """What was not looked for, or is out of sight by its nature."""

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
        """Return FOUND for any hit that counts, else INCOMPLETE for a doubt or a gap."""
        return verdict_of(self.hits, self.unscanned)


def verdict_of(hits: Iterable[Hit], unscanned: Iterable[Unscanned]) -> Verdict:
    """Weigh what was found against what could not be looked at."""
    standings = {hit.standing for hit in hits}
    if Standing.COUNTS in standings:
        return Verdict.FOUND
    if Standing.MAY_BE_CHANCE in standings or any(not entry.allowed for entry in unscanned):
        return Verdict.INCOMPLETE
    return Verdict.CLEAN


def weighed(report: Report) -> Report:
    """Return *report* with each hit's standing, which only all of them together tell.

    A database server checks logins by keys that it must have. A secret so short that chance puts
    it there is believed only where a word such as `password` stands before it.
    """
    by_chance = report.expected_chance_hits >= CHANCE_HITS

    def standing(hit: Hit) -> Standing:
        of_secret = " " not in hit.encoding  # others have a name before the spelling
        if hit.role in SERVER_ROLES and hit.encoding.startswith(OF_A_SERVER):
            return Standing.OF_A_SERVER
        if by_chance and of_secret and not _TELLING.search(hit.context):
            return Standing.MAY_BE_CHANCE
        return Standing.COUNTS

    def part(one: Part) -> Part:
        hits = tuple(replace(hit, standing=standing(hit)) for hit in one.hits)
        return replace(one, hits=hits)

    return replace(report, parts=tuple(map(part, report.parts)))


def is_secret_page(name: str) -> bool:
    """Say whether a mapping or descriptor of this name is one of memfd_secret(2)."""
    return name.startswith(PAGE_OF_SECRETS)
