"""Making `.venv`, with a project small enough to install without any index."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from scripts.installation import (
    PIN_SETS,
    STAMP_NAME,
    SetUpError,
    ensure,
    expected_stamp,
    is_installed,
)

ROOT: Final = Path(__file__).resolve().parents[3]

PYPROJECT: Final = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

# All that an editable installation asks of a build backend (PEP 660).
BACKEND: Final = """\
import zipfile

INFO = "tiny-1.dist-info/"
WHEEL = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"

def build_editable(directory, config_settings=None, metadata_directory=None):
    name = "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(directory + "/" + name, "w") as wheel:
        wheel.writestr("tiny.py", "")
        wheel.writestr(INFO + "METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n")
        wheel.writestr(INFO + "WHEEL", WHEEL)
        wheel.writestr(INFO + "RECORD", "")
    return name
"""


def a_checkout(root: Path) -> Path:
    (root / "requirements").mkdir()
    for pin_set in PIN_SETS:
        (root / "requirements" / f"{pin_set}.txt").write_text(f"# {pin_set}\n")
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "backend.py").write_text(BACKEND)
    return root


def with_a_stamp(root: Path, pin_set: str) -> Path:
    """Pretend that *pin_set* was installed: a stamp, and an interpreter that is there."""
    programs = root / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    stamp = expected_stamp(root, pin_set)
    pairs = ", ".join(f'"{key}": "{value}"' for key, value in stamp.items())
    (root / ".venv" / STAMP_NAME).write_text(f"{{{pairs}}}")
    return root


def an_installer(root: Path) -> subprocess.Popen[str]:
    program = "import sys; from pathlib import Path; from scripts.installation import ensure;"
    program += "ensure(Path(sys.argv[1]), 'demo')"
    return subprocess.Popen(
        [sys.executable, "-P", "-c", program, str(root)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_first_launches_make_one_environment_and_a_later_one_says_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = a_checkout(tmp_path)

    said = [installer.communicate()[1] for installer in (an_installer(root), an_installer(root))]
    python = ensure(root, "demo")

    assert sum("making" in text for text in said) == 1
    assert capfd.readouterr().err == ""
    subprocess.run([python, "-I", "-c", "import tiny"], check=True)


def test_a_half_made_environment_is_made_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = a_checkout(tmp_path)
    leftover = root / ".venv" / "lib" / "leftover"
    leftover.mkdir(parents=True)

    ensure(root, "runtime")

    assert "unfinished or out of date: making it again" in capfd.readouterr().err
    assert not leftover.exists()
    assert is_installed(root, "runtime")


def test_when_pip_fails_its_last_lines_are_shown_and_the_next_run_starts_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = a_checkout(tmp_path)
    pin = f"there-is-no-such-package==1 --hash=sha256:{'0' * 64}\n"
    (root / "requirements" / "runtime.txt").write_text(pin)
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(SetUpError, match=r"(?s)pip failed; .*there-is-no-such-package"):
        ensure(root, "runtime")

    assert not is_installed(root, "runtime")


@pytest.mark.parametrize(
    ("installed", "wanted", "enough"),
    [
        ("demo", "demo", True),
        ("demo", "runtime", True),
        ("check", "demo", True),
        ("demo", "check", False),
    ],
)
def test_a_larger_set_of_pins_serves_for_a_smaller_one(
    tmp_path: Path, installed: str, wanted: str, *, enough: bool
) -> None:
    root = with_a_stamp(a_checkout(tmp_path), installed)

    assert is_installed(root, wanted) is enough


@pytest.mark.parametrize("name", ["requirements/demo.txt", "pyproject.toml"])
def test_an_environment_made_for_other_pins_is_not_finished(tmp_path: Path, name: str) -> None:
    root = with_a_stamp(a_checkout(tmp_path), "demo")

    (root / name).write_text("# changed\n")

    assert not is_installed(root, "demo")


def test_an_environment_that_moved_or_lost_its_interpreter_is_not_finished(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    root = with_a_stamp(a_checkout(tmp_path / "before"), "demo")

    moved = root.rename(tmp_path / "after")
    after_the_move = is_installed(moved, "demo")
    moved = moved.rename(root)
    back = is_installed(moved, "demo")
    (moved / ".venv" / "bin" / "python").unlink()

    assert (after_the_move, back, is_installed(moved, "demo")) == (False, True, False)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"pins": "demo"}', '{"pins": 1}'])
def test_a_broken_stamp_is_no_stamp(tmp_path: Path, text: str) -> None:
    root = with_a_stamp(a_checkout(tmp_path), "demo")

    (root / ".venv" / STAMP_NAME).write_text(text)

    assert not is_installed(root, "demo")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_checkout_without_an_environment_gets_a_sentence(tmp_path: Path) -> None:
    root = a_checkout(tmp_path)
    root.chmod(0o555)

    with pytest.raises(SetUpError, match=r"has no finished \.venv and cannot be written to by you"):
        ensure(root, "demo")
