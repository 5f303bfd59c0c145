"""Read what our documents say: their tables, their references to tests, their links."""

import ast
import re
from functools import lru_cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

_REFERENCE: Final = re.compile(r"`(tests/[\w/]*test_\w+\.py(?:::\w+)?)`")
_LINK: Final = re.compile(r"\[[^\]]+\]\(([^)]+)\)")


def document(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def documents() -> list[str]:
    """Return the path of every document of ours."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def table(text: str, *head: str) -> list[list[str]]:
    """Return the cells of the rows below the line with these headings."""
    lines = text.splitlines()
    begin = lines.index(f"| {' | '.join(head)} |") + 2
    rows = []
    for line in lines[begin:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def ticked(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def references(text: str) -> list[str]:
    """Return the tests that a text names: a file, or a function in it."""
    return _REFERENCE.findall(text)


def links(text: str) -> list[str]:
    """Return the files that a text links to."""
    return [link for link in _LINK.findall(text) if "://" not in link]


@lru_cache
def tests_in(path: str) -> frozenset[str]:
    """Return the test functions of a file, none if it does not exist."""
    file = ROOT / path
    if not file.exists():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, functions) and node.name.startswith("test_")
    )


def is_a_test(reference: str) -> bool:
    """Tell whether a reference names a test function that exists."""
    path, _, name = reference.partition("::")
    return name in tests_in(path)
