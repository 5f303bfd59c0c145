"""`strongroom stdio` with a running system: its streams travel, its end is the gateway's end."""

import os
import subprocess
import sys
from pathlib import Path

from tests.harness.system import ROOT, System

STAND_INS = ROOT / "tests" / "unit" / "supervisor" / "stand_in_system.py"
CONNECTION = {
    "type": "postgresql",
    "host": "localhost",
    "database": "d",
    "credentialsEnv": "MAIN_DB_CREDENTIALS",
}


def a_system(journal: Path) -> System:
    return System(
        configuration={"connections": {"main_db": CONNECTION}},
        command=(sys.executable, "-P", str(STAND_INS), str(journal), "gateway=echoes", "--"),
        options=("--listen", "none"),
    )


def test_the_clients_streams_go_to_a_gateway_and_its_status_comes_back(tmp_path: Path) -> None:
    with a_system(tmp_path) as system:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "console", "stdio", "--run-dir", str(system.run_dir)],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            input=b"echo this",
            capture_output=True,
            check=False,
            timeout=20,
        )

    assert done.stdout == b"echo this"
    assert done.stderr == b""
    assert done.returncode == 5
