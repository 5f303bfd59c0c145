"""Which version of Strongroom this is."""

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_CHECKOUT: Final = Path(__file__).parent.parent


def own_version() -> str:
    """Return the version that is installed, or that of a checkout that is not."""
    try:
        return version("strongroom")
    except PackageNotFoundError:
        return _version_of(_CHECKOUT / "pyproject.toml")


def _version_of(project: Path) -> str:
    try:
        found = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    except (OSError, ValueError, KeyError):
        return "unknown"
    return str(found)
