"""`strongroom stdio`: it joins the system that runs, if that is the one that was meant."""

import json
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


def stdio(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "console", "stdio", *options],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        input="echo this",
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


def test_the_clients_streams_go_to_a_gateway_and_its_status_comes_back(tmp_path: Path) -> None:
    with a_system(tmp_path) as system:
        done = stdio("--run-dir", str(system.run_dir))

    assert done.stdout == "echo this"
    assert done.stderr == ""
    assert done.returncode == 5


def test_it_joins_a_system_that_runs_with_the_same_configuration(tmp_path: Path) -> None:
    with a_system(tmp_path) as system:
        same = system.directory / "run" / ".." / "strongroom.json"

        done = stdio("--run-dir", str(system.run_dir), "--config", str(same))

    assert (done.returncode, done.stdout, done.stderr) == (5, "echo this", "")


def test_it_does_not_join_a_system_that_runs_with_another_configuration(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"connections": {"main_db": CONNECTION}}))
    with a_system(tmp_path) as system:
        done = stdio("--run-dir", str(system.run_dir), "--config", str(other))
        asked = system.directory / "strongroom.json"

    assert (done.returncode, done.stdout) == (1, "")
    assert f"runs with {asked}, not with {other}; " in done.stderr
    assert done.stderr.count("\n") == 1


def test_where_nothing_runs_and_nothing_is_configured_it_starts_no_demo(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"

    done = stdio("--run-dir", str(run_dir))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"strongroom: nothing runs on {run_dir}; start it with ./scripts/launch.py or "
        "`strongroom up`, or give --config FILE\n"
    )
    assert not run_dir.exists()
