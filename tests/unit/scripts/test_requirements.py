"""The pinned requirements: whole, hashed, and silent about where packages come from."""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from scripts.installation import PIN_SETS

ROOT: Final = Path(__file__).resolve().parents[3]
PIN: Final = re.compile(r"^([a-z0-9.-]+)==(\S+)", re.MULTILINE)


def text_of(pin_set: str) -> str:
    return (ROOT / "requirements" / f"{pin_set}.txt").read_text()


def pins_of(pin_set: str) -> dict[str, str]:
    return dict(PIN.findall(text_of(pin_set)))


def names_in(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~; ]", line)[0].lower() for line in requirements}


@pytest.mark.parametrize("pin_set", PIN_SETS)
def test_every_package_is_pinned_with_hashes_and_no_place_is_named(pin_set: str) -> None:
    entries = re.split(r"\n(?=\S)", text_of(pin_set).strip())

    assert len(entries) > 30
    assert [entry for entry in entries if not PIN.match(entry)] == []
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.search(r"://|--(extra-)?index|--find-links|@ ", text_of(pin_set)) is None


@pytest.mark.parametrize(("smaller", "larger"), [("runtime", "demo"), ("demo", "check")])
def test_a_larger_set_holds_the_smaller_one_in_the_same_versions(smaller: str, larger: str) -> None:
    assert pins_of(smaller).items() < pins_of(larger).items()


def test_all_that_the_project_asks_for_is_pinned() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        asked = tomllib.load(file)
    project = asked["project"]
    extras = project["optional-dependencies"]

    assert names_in(project["dependencies"]) <= pins_of("runtime").keys()
    assert names_in(extras["demo"]) <= pins_of("demo").keys()
    assert names_in(extras["test"] + extras["lint"]) <= pins_of("check").keys()


def test_the_project_is_built_with_the_pinned_backend() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        backend = tomllib.load(file)["build-system"]["requires"]

    assert backend == [f"hatchling=={pins_of('runtime')['hatchling']}"]
