"""Scan a set of processes and directories for one secret."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from console.scan.directories import scan_directory
from console.scan.findings import Findings
from console.scan.listener import NOBODY, Listener
from console.scan.mappings import secret_pages
from console.scan.needles import Needles
from console.scan.processes import children_by_parent, scan_process
from console.scan.redact import Redactor
from console.scan.report import (
    SCANNER_ROLE,
    VAULT_ROLE,
    Part,
    Place,
    Report,
    Suspect,
    Unscanned,
)
from console.scan.search import IsOrdinary, nothing_is_ordinary

# Reading lets go of the interpreter's lock, searching holds it: two keep each other busy.
SCANNING_THREADS: Final = 2
CHILD_OF: Final = "child of "


def scan(
    suspects: Sequence[Suspect],
    needles: Needles,
    *,
    directories: Sequence[Path] = (),
    texts: Sequence[tuple[str, bytes]] = (),
    scanner_gaps: Sequence[Unscanned] = (),
    is_ordinary: IsOrdinary = nothing_is_ordinary,
    listener: Listener = NOBODY,
) -> Report:
    """Look for *needles* in all *suspects* but this process, below *directories*, in *texts*.

    This process is left out, because it must hold the secret to look for it; the report says so.
    *scanner_gaps* is what the caller found the scanner itself unable to see.
    """
    started = time.perf_counter()
    scanned = _Scan(needles, Redactor(needles), is_ordinary, listener)
    targets = {suspect.pid: suspect for suspect in reversed(suspects)}
    excluded = tuple(pid for pid in targets if pid == os.getpid())
    scanned.vault_pages = frozenset[int]().union(
        *(secret_pages(pid) for pid, target in targets.items() if target.role == VAULT_ROLE)
    )
    looked_into = [target for target in reversed(targets.values()) if target.pid not in excluded]
    with ThreadPoolExecutor(SCANNING_THREADS) as threads:
        parts = [
            *threads.map(scanned.process, looked_into),
            *threads.map(scanned.directory, directories),
            *(scanned.text(name, content) for name, content in texts),
        ]
    nothing = () if parts else (Unscanned(None, SCANNER_ROLE, "processes", "there are none"),)
    return Report(
        parts=tuple(parts),
        scanner=(*scanner_gaps, *nothing),
        excluded_pids=excluded,
        secret_characters=needles.characters,
        fragments_sought=not needles.whole_only,
        expected_chance_hits=needles.chance_hits(sum(part.scanned_bytes for part in parts)),
        seconds=time.perf_counter() - started,
    )


@dataclass
class _Scan:
    """Each kind of place, and what every part of a scan has in common."""

    needles: Needles = field(repr=False)
    redactor: Redactor = field(repr=False)
    is_ordinary: IsOrdinary
    listener: Listener
    vault_pages: frozenset[int] = frozenset()

    def process(self, suspect: Suspect) -> Part:
        self.listener.progress(f"looking into {suspect.role} {suspect.pid}")
        findings = self._findings(suspect, suspect.pid)
        scan_process(findings, vault_pages=self.vault_pages)
        return findings.part()

    def directory(self, root: Path) -> Part:
        self.listener.progress(f"looking into {root}")
        findings = self._findings(Suspect(0, "directory", str(root)), None)
        scan_directory(root, findings)
        return findings.part()

    def text(self, name: str, content: bytes) -> Part:
        findings = self._findings(Suspect(0, "text", name), None)
        findings.look(Place.STATUS, [(0, content)], name)
        return findings.part()

    def _findings(self, suspect: Suspect, pid: int | None) -> Findings:
        return Findings(self.needles, self.redactor, suspect, pid, self.is_ordinary)


def with_descendants(suspects: Sequence[Suspect]) -> list[Suspect]:
    """Return *suspects*, and all that they started and that is not itself in the list."""
    children = children_by_parent()
    found = {suspect.pid: suspect for suspect in suspects}
    queue = list(suspects)
    for suspect in queue:
        for pid in children.get(suspect.pid, []):
            if pid not in found:
                found[pid] = Suspect(pid, _child_role(suspect.role), suspect.name)
                queue.append(found[pid])
    return queue


def _child_role(role: str) -> str:
    return role if role.startswith(CHILD_OF) else f"{CHILD_OF}{role}"
