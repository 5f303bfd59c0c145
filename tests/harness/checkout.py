"""A checkout of one's own, so that its `scripts/launch.py` runs as a user runs it.

Its `.venv` is a real one, with the stamp of a finished installation. The packages of the tests' own
interpreter stand in it for downloaded ones; everything else is what `installation.py` would leave.
"""

import fcntl
import json
import os
import shutil
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from scripts.installation import STAMP_NAME, expected_stamp
from tests.harness.system import ROOT

FOLDERS: Final = (
    *("broker", "console", "executor", "supervisor", "vault", "wire"),
    *("scripts", "requirements"),
)


def make_checkout(root: Path) -> Path:
    """Copy to *root* what a user clones and a launch needs; `.venv` is not there yet."""
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, root / folder)
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def install(checkout: Path) -> None:
    """Make the `.venv` of *checkout*, stamped as finished."""
    environment = checkout / ".venv"
    venv.create(environment, symlinks=True)
    (packages,) = environment.glob("lib/python3*/site-packages")
    # An editable installation is such a line too.
    places = dict.fromkeys([str(checkout), *map(sysconfig.get_path, ("purelib", "platlib"))])
    (packages / "strongroom.pth").write_text("".join(f"{place}\n" for place in places))
    stamp = json.dumps(expected_stamp(checkout, "demo"))
    (environment / STAMP_NAME).write_text(stamp, encoding="utf-8")


@contextmanager
def being_set_up(checkout: Path) -> Iterator[None]:
    """Hold the lock of whoever makes the `.venv`; a launch says that it waits, and waits."""
    descriptor = os.open(checkout, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
