"""scripts/launch.py, up to the moment when it becomes `strongroom up`."""

import ast
import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from scripts.installation import STAMP_NAME, expected_stamp

ROOT: Final = Path(__file__).resolve().parents[3]

# Stands where the interpreter of .venv would be, and shows what it was given.
SHOW: Final = """\
#!/bin/sh
printf '%s\\n' "$@"
echo ====
env
echo ====
tr '\\0' '\\n' < "/proc/self/fd/${STRONGROOM_SECRETS_FD:-none}"
"""

# What runs before the installed packages may be needed.
TAKE_OUT: Final = (
    "console/takeout.py",
    *(f"wire/{name}.py" for name in ("__init__", "exits", "json_words", "rundir", "takeout_fd")),
)


def a_checkout(root: Path) -> Path:
    for name in ("scripts/launch.py", "scripts/installation.py", *TAKE_OUT):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    (root / "requirements").mkdir()
    (root / "requirements" / "demo.txt").touch()
    (root / "pyproject.toml").touch()
    return root


def with_an_environment(root: Path) -> Path:
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(SHOW)
    python.chmod(0o755)
    (root / ".venv" / STAMP_NAME).write_text(json.dumps(expected_stamp(root, "demo")))
    return root


def launch(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "scripts" / "launch.py"), *arguments],
        env={"PATH": os.environ["PATH"], **variables},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_options_reach_up_word_for_word_and_the_credentials_only_by_descriptor(
    tmp_path: Path,
) -> None:
    root = with_an_environment(a_checkout(tmp_path))
    password = secrets.token_hex(12)
    configuration = root / "my connections.json"
    configuration.write_text('{"connections": {"main": {"credentialsEnv": "MAIN"}}}')

    ended = launch(root, "--config", str(configuration), "--no-token", MAIN=f"app:{password}")
    given, environment, records = ended.stdout.split("====\n")

    assert ended.returncode == 0
    assert given.splitlines() == [
        *("-P", "-m", "console", "up", "--config", str(configuration), "--no-token")
    ]
    assert password not in environment
    assert records == f"MAIN=app:{password}\n"


def test_help_needs_nothing_installed_and_installs_nothing(tmp_path: Path) -> None:
    root = a_checkout(tmp_path)

    ended = launch(root, "--help")

    assert ended.returncode == 0
    assert ended.stdout.startswith("usage: launch.py [--config FILE]")
    assert not (root / ".venv").exists()


@pytest.mark.parametrize("arguments", [["--frob"], ["--config", "x", "frob"]])
def test_an_unknown_argument_gets_the_usage_of_launch_and_installs_nothing(
    tmp_path: Path, arguments: list[str]
) -> None:
    root = a_checkout(tmp_path)

    ended = launch(root, *arguments)

    assert ended.returncode == 2
    assert ended.stderr.startswith("usage: launch.py [--config FILE]")
    assert ended.stderr.endswith(f"unrecognized argument: {arguments[-1]}\n")
    assert not (root / ".venv").exists()


@pytest.mark.parametrize("form", ["--run-dir {}", "--run-dir={}"])
def test_a_run_directory_that_cannot_be_used_is_told_before_anything_is_installed(
    tmp_path: Path, form: str
) -> None:
    root, taken = a_checkout(tmp_path / "checkout"), tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.txt").touch()

    ended = launch(root, *form.format(taken).split())

    assert ended.returncode == 2
    assert ended.stderr.startswith(f"strongroom: {taken} holds files")
    assert ended.stderr.endswith(": --run-dir DIR\n")
    assert not (root / ".venv").exists()


def test_an_older_python_gets_one_sentence() -> None:
    path = ROOT / "scripts" / "launch.py"
    program = "import runpy, sys; sys.version_info = (3, 9, 2, 'final', 0);"
    program += "runpy.run_path(sys.argv[1], run_name='__main__')"

    ended = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert ended.stderr == "Strongroom needs Python 3.11 or newer; this is 3.9\n"
    ast.parse(path.read_text(), feature_version=(3, 7))
