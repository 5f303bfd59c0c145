"""Look into a directory: names, links and contents of everything in it."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from console.scan.descriptors import scan_file
from console.scan.findings import Findings, reason_of
from console.scan.report import Place


def scan_directory(root: Path, findings: Findings) -> None:
    """Search all below *root*, without following links out of it."""

    def note(error: OSError) -> None:
        findings.miss(str(error.filename or root), reason_of(error))

    for directory, _, files in os.walk(root, onerror=note):
        _scan_name(Path(directory), findings)
        for name in files:
            _scan_entry(Path(directory, name), note, findings)


def _scan_name(path: Path, findings: Findings) -> None:
    # Only its own name: its parents' names are looked at in their turn.
    findings.look(Place.FILE_NAME, [(0, os.fsencode(path.name))], str(path))


def _scan_entry(path: Path, note: Callable[[OSError], None], findings: Findings) -> None:
    _scan_name(path, findings)
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            findings.look(Place.FILE, [(0, os.fsencode(path.readlink()))], f"link {path}")
        elif stat.S_ISREG(mode):
            scan_file(path, str(path), findings, place=Place.FILE, flags=os.O_NOFOLLOW)
    except FileNotFoundError:
        return  # removed meanwhile
    except OSError as error:
        note(error)
