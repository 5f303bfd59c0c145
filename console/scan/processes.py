"""Look into one process: memory, environment, command line, names, descriptors."""

import os
import select
from pathlib import Path
from typing import Final

from console.scan.descriptors import scan_descriptors
from console.scan.findings import Findings, reason_of
from console.scan.memory import scan_memory
from console.scan.report import Place

_SMALL_FILES: Final = (("environ", Place.ENVIRONMENT), ("cmdline", Place.COMMAND_LINE))


def scan_process(findings: Findings, *, vault_pages: frozenset[int]) -> None:
    """Search all that the process of *findings* holds.

    A process that exits meanwhile is noted as gone, whatever had been seen of it by then.
    """
    pid = findings.suspect.pid
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        _note_gone(findings)
        return
    except OSError as error:
        findings.miss("process", reason_of(error))
        return
    try:
        scan_memory(pid, findings)
        _scan_small_files(pid, findings)
        scan_descriptors(pid, pidfd, findings, vault_pages=vault_pages)
        if _has_exited(pidfd):
            _note_gone(findings)
    finally:
        os.close(pidfd)


def children_by_parent() -> dict[int, list[int]]:
    """Return who started whom, of all that run now."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            parent = parent_of(int(path.name))
            if parent is not None:
                children.setdefault(parent, []).append(int(path.name))
    return children


def parent_of(pid: int) -> int | None:
    """Return the parent of a process, or nothing if there is no such process."""
    try:
        # proc(5): the name, in parentheses, may hold anything, parentheses too.
        content = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(content.rpartition(")")[2].split()[1])


def _scan_small_files(pid: int, findings: Findings) -> None:
    directory = Path(f"/proc/{pid}")
    places = [(directory / name, place) for name, place in _SMALL_FILES]
    try:
        threads = sorted((directory / "task").iterdir())
    except OSError:
        threads = []  # it has exited: said elsewhere
    for path, place in [*places, *((thread / "comm", Place.NAME) for thread in threads)]:
        try:
            content = path.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread, or all of it, has ended
        except OSError as error:
            findings.miss(path.name, reason_of(error))
            continue
        findings.look(place, [(0, content)], path.name)


def _has_exited(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def _note_gone(findings: Findings) -> None:
    findings.gone = True
    findings.miss("process", "gone: it exited before it was looked at to the end")
