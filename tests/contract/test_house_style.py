"""What CONTRIBUTING.md says of sizes and of pure modules is so."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.contract.markdown import ROOT

PACKAGES: Final = ("broker", "console", "executor", "supervisor", "vault", "wire")
FILE_LINES_MAX: Final = 300
FUNCTION_LINES_MAX: Final = 40
POSSESSIVE: Final = re.compile(r"(?<!\\)\)[*+?]\+")
CLAIM: Final = re.compile(r"; pure\.|\bPure\.")

every_folder = pytest.mark.parametrize("folder", [*PACKAGES, "scripts", "tests"])


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each function of a file, and its lines without its docstring."""
    for node in ast.walk(ast.parse(source(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = (ast.get_docstring(node, clean=False) or "").count("\n")
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - docstring


@every_folder
def test_no_file_is_longer_than_it_may_be(folder: str) -> None:
    found = {path: source(path).count("\n") for path in files(folder)}

    assert found
    assert {path: lines for path, lines in found.items() if lines > FILE_LINES_MAX} == {}


@every_folder
def test_no_function_is_longer_than_it_may_be(folder: str) -> None:
    found = [(path, *function) for path in files(folder) for function in functions(path)]

    assert found
    assert [one for one in found if one[2] > FUNCTION_LINES_MAX] == []


def pure_modules() -> set[str]:
    """Return the modules that import-linter keeps from doing I/O."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (cores,) = [one for one in contracts if one["id"] == "pure-cores"]
    return set(cores["source_modules"])


def claims_to_be_pure(path: Path) -> bool:
    return CLAIM.search(ast.get_docstring(ast.parse(source(path))) or "") is not None


def test_a_module_that_says_that_it_is_pure_is_held_to_it() -> None:
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): claims_to_be_pure(path)
        for package in PACKAGES
        for path in files(package)
    }

    assert any(modules.values())
    assert {name for name, claims in modules.items() if claims} <= pure_modules() <= set(modules)


@pytest.mark.parametrize("folder", PACKAGES)
def test_no_pattern_repeats_a_group_possessively(folder: str) -> None:
    # Before Python 3.11.5 such a repeat may go on in the wrong place; an atomic group does not.
    assert [path for path in files(folder) if POSSESSIVE.search(source(path))] == []
