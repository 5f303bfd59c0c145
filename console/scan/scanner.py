"""Scan a set of processes and directories for one secret."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from console.scan.directories import scan_directory
from console.scan.findings import Findings
from console.scan.mappings import secret_pages
from console.scan.needles import Needles
from console.scan.processes import children_by_parent, scan_process
from console.scan.redact import Redactor
from console.scan.report import SCANNER_ROLE, VAULT_ROLE, Part, Report, Suspect, Unscanned

# Reading lets go of the interpreter's lock, searching holds it: two keep each other busy.
SCANNING_THREADS: Final = 2
CHILD_OF: Final = "child of "


def scan(
    suspects: Sequence[Suspect],
    needles: Needles,
    *,
    directories: Sequence[Path] = (),
    scanner_gaps: Sequence[Unscanned] = (),
) -> Report:
    """Look for *needles* in all *suspects* but this very process, and below *directories*.

    This process is left out, because it must hold the secret to look for it; the report says so.
    *scanner_gaps* is what the caller found the scanner itself unable to see.
    """
    started, redactor = time.perf_counter(), Redactor(needles)
    targets = {suspect.pid: suspect for suspect in reversed(suspects)}
    excluded = tuple(pid for pid in targets if pid == os.getpid())
    vault_pages = frozenset[int]().union(
        *(secret_pages(pid) for pid, target in targets.items() if target.role == VAULT_ROLE)
    )

    def in_process(suspect: Suspect) -> Part:
        findings = Findings(needles, redactor, suspect, suspect.pid)
        scan_process(findings, vault_pages=vault_pages)
        return findings.part()

    def in_directory(root: Path) -> Part:
        findings = Findings(needles, redactor, Suspect(0, "directory", str(root)), None)
        scan_directory(root, findings)
        return findings.part()

    looked_into = [target for target in reversed(targets.values()) if target.pid not in excluded]
    with ThreadPoolExecutor(SCANNING_THREADS) as threads:
        parts = (*threads.map(in_process, looked_into), *threads.map(in_directory, directories))
    nothing = () if parts else (Unscanned(None, SCANNER_ROLE, "processes", "there are none"),)
    return Report(
        parts=parts,
        scanner=(*scanner_gaps, *nothing),
        excluded_pids=excluded,
        secret_characters=needles.characters,
        fragments_sought=not needles.whole_only,
        expected_chance_hits=needles.chance_hits(sum(part.scanned_bytes for part in parts)),
        seconds=time.perf_counter() - started,
    )


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
