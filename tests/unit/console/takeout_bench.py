"""A process that takes credentials out, and what it holds after that."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

# Takes, says what it found, then stays until its standard input ends, to be looked into.
TAKER = """
import os, sys
from console.takeout import take_credentials
fd = take_credentials(sys.argv[1:], reexec=[sys.executable, *sys.orig_argv[1:]])
print("none" if fd is None else fd, flush=True)
sys.stdin.read()
"""
# What one would write without thinking: the variable is deleted, and its copies stay.
FORGETTER = """
import os, sys
os.environ.pop("MAIN_DB_CREDENTIALS")
print("none", flush=True)
sys.stdin.read()
"""


def a_configuration(directory: Path, *variables: str) -> Path:
    path = directory / "strongroom.json"
    connections = {
        f"connection_{number}": {"type": "postgresql", "credentialsEnv": variable}
        for number, variable in enumerate(variables)
    }
    path.write_text(json.dumps({"connections": connections}), encoding="utf-8")
    return path


@contextmanager
def started(
    program: str, *arguments: str, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", program, *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        yield process, process.stdout.readline().strip()
        process.stdin.close()


def refused(path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", TAKER, "--config", str(path)],
        env={"PYTHONPATH": str(ROOT), "MAIN_DB_CREDENTIALS": "app:never shown", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def places_holding(pid: int, needle: bytes) -> list[str]:
    """Return the readable mappings of *pid* that hold *needle*, and its environment if it does."""
    process = Path(f"/proc/{pid}")
    found = ["environ"] if needle in (process / "environ").read_bytes() else []
    with (process / "mem").open("rb", buffering=0) as memory:
        for line in (process / "maps").read_text().splitlines():
            bounds, rights, *_ = line.split()
            start, end = (int(bound, 16) for bound in bounds.split("-"))
            if rights.startswith("r") and not line.endswith(("[vvar]", "[vvar_vclock]")):
                if end > 1 << 63:  # [vsyscall] is the kernel's own
                    continue
                memory.seek(start)
                if needle in memory.read(end - start):
                    found.append(line)
    return found
