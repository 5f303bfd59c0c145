"""The version is the installed one, or the checkout's."""

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import wire
from wire.version import _version_of, own_version

PROJECT = Path(wire.__file__).parent.parent / "pyproject.toml"


def test_the_version_is_the_one_of_the_project() -> None:
    try:
        expected = version("strongroom")
    except PackageNotFoundError:
        expected = tomllib.loads(PROJECT.read_text())["project"]["version"]

    assert own_version() == expected


@pytest.mark.parametrize("content", [None, "", "[project]", "no toml"])
def test_a_version_that_is_not_to_be_found_is_unknown(tmp_path: Path, content: str | None) -> None:
    project = tmp_path / "pyproject.toml"
    if content is not None:
        project.write_text(content)

    assert _version_of(project) == "unknown"
