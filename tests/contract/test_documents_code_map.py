"""ARCHITECTURE.md's code map names every module, and no other; its files are files."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.contract.markdown import ROOT, document, ticked

PACKAGES: Final = ("broker", "console", "executor", "supervisor", "vault", "wire")
STARTS: Final = frozenset({"__init__", "__main__"})

every_package = pytest.mark.parametrize("package", PACKAGES)


def modules(package: str) -> list[str]:
    """Return a package's modules by their path in it, those that only start or mark it apart."""
    root = ROOT / package
    found = [path.relative_to(root).with_suffix("") for path in root.rglob("*.py")]
    return sorted(str(module) for module in found if module.name not in STARTS)


def section(title: str) -> str:
    """Return what stands below a heading of any level, up to the next heading."""
    pattern = rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)"
    (found,) = re.findall(pattern, document("ARCHITECTURE.md"), re.MULTILINE | re.DOTALL)
    return str(found)


def mapped(package: str) -> list[str]:
    """Return what the items of a package's list name, other than what people call or touch."""
    items = section(f"`{package}/`").partition("\n- ")[2]
    return sorted(name for name in ticked(items) if name not in {"control.sock", "prove"})


@every_package
def test_the_code_map_names_every_module_once_and_no_other(package: str) -> None:
    assert modules(package)
    assert mapped(package) == modules(package)


def test_every_file_of_the_journey_exists() -> None:
    journey = section("One query's journey")
    packages = [ROOT / package for package in PACKAGES]

    named = {name for name in ticked(journey) if name.endswith(".py")}

    assert len(named) > 30
    for name in named:
        beside = [path for package in packages for path in package.rglob(Path(name).name)]
        assert any(str(path).endswith(f"/{name}") for path in beside), name
