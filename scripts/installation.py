"""Make the checkout's own `.venv`, and know whether it is still right.

A finished `.venv` carries a stamp: what was installed into it, from which pins, for which place.
No stamp, or one that no longer fits, means it was left half-made, the pins changed or the checkout
moved: it is made again from nothing. Standard library only; it runs before anything is installed.

    python3 scripts/installation.py check
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

PIN_SETS: Final = ("runtime", "demo", "check")
"""The files under requirements/; each holds all that the one before it holds."""

STAMP_NAME: Final = "strongroom-stamp.json"
SHOWN_PIP_LINES: Final = 15
PACKAGES_PER_LINE: Final = 10

Stamp = dict[str, str]


class SetUpError(Exception):
    """The environment cannot be made; the text is the sentence for the user."""


class Progress:
    """Plain lines on standard error, each with the seconds since the first."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, sentence: str) -> None:
        """Write one line, now."""
        elapsed_s = time.monotonic() - self._started
        sys.stderr.write(f"[{elapsed_s:5.1f} s] {sentence}\n")
        sys.stderr.flush()


def ensure(root: Path, pin_set: str) -> Path:
    """Return the interpreter of *root*'s `.venv`, in which at least *pin_set* is installed.

    Says nothing when all is there. Two callers at once take turns. Raises SetUpError.
    """
    python = root / ".venv" / "bin" / "python"
    if is_installed(root, pin_set):
        return python
    if not os.access(root, os.W_OK):
        raise SetUpError(
            f"{root} has no finished .venv and cannot be written to by you: "
            "run this once as the owner of the checkout"
        )
    progress = Progress()
    with _one_at_a_time(root, progress):
        if not is_installed(root, pin_set):
            _install(root, pin_set, progress)
    return python


def is_installed(root: Path, pin_set: str) -> bool:
    """Tell whether a finished `.venv` holds *pin_set*, or a larger one, as pinned today."""
    stamp = _read_stamp(root)
    installed = stamp.get("pins", "")
    if installed not in PIN_SETS or PIN_SETS.index(installed) < PIN_SETS.index(pin_set):
        return False
    return stamp == expected_stamp(root, installed)


def expected_stamp(root: Path, pin_set: str) -> Stamp:
    """Return what a finished `.venv` with *pin_set* says about itself.

    The interpreter is there because a system upgrade may put another Python under the same name,
    and the place because the installed package points back into the checkout.
    """
    pins = root / "requirements" / f"{pin_set}.txt"
    return {
        "pins": pin_set,
        "pins_sha256": hashlib.sha256(pins.read_bytes()).hexdigest(),
        "project_sha256": hashlib.sha256((root / "pyproject.toml").read_bytes()).hexdigest(),
        "interpreter": str((root / ".venv" / "bin" / "python").resolve()),
        "place": str(root),
    }


def _read_stamp(root: Path) -> Stamp:
    environment = root / ".venv"
    if not (environment / "bin" / "python").exists():
        return {}
    try:
        stamp: object = json.loads((environment / STAMP_NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in stamp.items()} if isinstance(stamp, dict) else {}


@contextmanager
def _one_at_a_time(root: Path, progress: Progress) -> Iterator[None]:
    """Hold the checkout's directory itself as the lock: it leaves no file behind."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("another process is setting up .venv; waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _install(root: Path, pin_set: str, progress: Progress) -> None:
    environment = root / ".venv"
    stamp = _read_stamp(root)
    fits = stamp.get("pins") in PIN_SETS and _same_pins(root, stamp)
    # First of all: whatever happens from here on, a later run sees that this one did not finish.
    (environment / STAMP_NAME).unlink(missing_ok=True)
    if not fits:
        _make_environment(environment, progress)
    larger = max(pin_set, stamp["pins"] if fits else pin_set, key=PIN_SETS.index)
    if not (fits and larger == stamp["pins"]):
        _install_pins(root, larger, progress)
    progress.say("installing Strongroom itself")
    _pip(environment, "--no-deps", "--no-build-isolation", "--editable", str(root))
    _write_stamp(root, larger)
    progress.say("set up")


def _same_pins(root: Path, stamp: Stamp) -> bool:
    """Tell whether what is installed only needs more beside it, not other versions."""
    expected = expected_stamp(root, stamp["pins"])
    return {**expected, "project_sha256": ""} == {**stamp, "project_sha256": ""}


def _make_environment(environment: Path, progress: Progress) -> None:
    if find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetUpError(
            f"this Python has no ensurepip; on Debian or Ubuntu: apt install python{version}-venv"
        )
    if environment.is_symlink():
        raise SetUpError(f"{environment} is a symbolic link; remove it and run this again")
    # Whoever activated .venv runs the very interpreter that is about to be removed.
    own = Path(sys.executable)
    interpreter = own.resolve() if environment in own.parents else own
    if environment.exists():
        progress.say(f"{environment} is unfinished or out of date: making it again")
        shutil.rmtree(environment)
    else:
        progress.say(f"making {environment} (first use)")
    # -I: neither PYTHONPATH nor a user's own packages have a say in it.
    made = subprocess.run(  # noqa: S603 - our own interpreter
        [str(interpreter), "-I", "-m", "venv", str(environment)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise SetUpError(f"python3 -m venv failed:\n{made.stdout.strip()}")


def _install_pins(root: Path, pin_set: str, progress: Progress) -> None:
    pins = root / "requirements" / f"{pin_set}.txt"
    count = sum(1 for line in pins.read_text().splitlines() if "==" in line)
    progress.say(f"installing up to {count} pinned packages (requirements/{pins.name})")
    seen = 0
    for line in _pip_lines(root / ".venv", "--require-hashes", "--requirement", str(pins)):
        if line.startswith("Collecting "):
            seen += 1
            if seen % PACKAGES_PER_LINE == 0:
                progress.say(f"  {seen} fetched, at {line.split()[1].partition('==')[0]}")
        elif line.startswith("Installing collected packages"):
            progress.say("  unpacking")


def _pip(environment: Path, *arguments: str) -> None:
    for _line in _pip_lines(environment, *arguments):
        pass


def _pip_lines(environment: Path, *arguments: str) -> Iterator[str]:
    """Yield what `pip install` prints; raise SetUpError with its last lines when it fails."""
    command = [str(environment / "bin" / "python"), "-I", "-m", "pip", "install"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", *arguments]
    last: deque[str] = deque(maxlen=SHOWN_PIP_LINES)
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as pip:
        for line in pip.stdout or ():
            last.append(line)
            yield line
    if pip.returncode != 0:
        raise SetUpError(f"pip failed; its last lines:\n\n{''.join(last).rstrip()}")


def _write_stamp(root: Path, pin_set: str) -> None:
    path = root / ".venv" / STAMP_NAME
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(expected_stamp(root, pin_set), indent=1))
    unfinished.replace(path)


def main(arguments: list[str]) -> int:
    """Set up with the named set of pins, and return the exit status."""
    if len(arguments) != 1 or arguments[0] not in PIN_SETS:
        sys.stderr.write(f"usage: installation.py {'|'.join(PIN_SETS)}\n")
        return 2
    try:
        ensure(Path(__file__).resolve().parent.parent, arguments[0])
    except SetUpError as error:
        sys.stderr.write(f"set-up: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"set-up: {error.filename or '.venv'}: {error.strerror}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("set-up: stopped; run it again to start over\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
