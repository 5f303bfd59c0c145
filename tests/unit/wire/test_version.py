import re
import tomllib
from pathlib import Path

from wire import version

ROOT = Path(__file__).parents[3]


def test_the_package_has_the_version_that_the_code_has() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    source = project["tool"]["hatch"]["version"]

    found = re.search(source["pattern"], (ROOT / source["path"]).read_text(encoding="utf-8"))

    assert found is not None
    assert found["version"] == version.VERSION
