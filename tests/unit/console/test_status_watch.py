"""`strongroom status --watch`: one look after the other, until Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.system import ROOT, System
from tests.unit.supervisor.stand_ins import CONFIGURATION, STAND_INS


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    command = (sys.executable, "-P", STAND_INS, str(tmp_path), "--")
    with System(configuration=CONFIGURATION, command=command) as running:
        yield running


def watching(system: System, *options: str, output: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "console", "status", "--watch"]
    return subprocess.Popen(
        [*command, "--run-dir", str(system.run_dir), *options],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm"},
        stdout=output,
        stderr=subprocess.PIPE,
    )


def ended(watch: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    watch.send_signal(signal.SIGINT)
    assert watch.stderr is not None
    said = watch.stderr.read()
    watch.stderr.close()
    return watch.wait(10), said


def test_as_json_every_look_is_a_line_and_ctrl_c_is_a_quiet_end(system: System) -> None:
    with watching(system, "--json", output=subprocess.PIPE) as watch:
        assert watch.stdout is not None

        looks = [json.loads(watch.stdout.readline()) for _ in range(2)]

        assert ended(watch) == (0, b"")
    assert [look["leases"][0]["rows"] for look in looks] == [900, 900]
    assert looks[0]["processes"][0]["pid"] == looks[1]["processes"][0]["pid"]


def test_without_a_terminal_the_tables_come_again_and_again(system: System) -> None:
    with watching(system, output=subprocess.PIPE) as watch:
        assert watch.stdout is not None

        titles = 0
        while titles < 2:
            titles += b" processes " in watch.stdout.readline()

        assert ended(watch) == (0, b"")


def test_on_a_terminal_it_is_drawn_in_place(system: System) -> None:
    ours, theirs = pty.openpty()
    with watching(system, output=theirs) as watch:
        os.close(theirs)
        shown = b""
        while b"processes" not in shown:
            shown += os.read(ours, 65_536)

        assert ended(watch) == (0, b"")
    os.close(ours)
    assert b"\x1b[?1049h" in shown


def test_a_system_that_stops_ends_the_watch_with_a_sentence(system: System) -> None:
    with watching(system, "--json", output=subprocess.PIPE) as watch:
        assert watch.stdout is not None
        assert watch.stderr is not None
        watch.stdout.readline()

        system.process.send_signal(signal.SIGINT)

        assert watch.wait(15) == 1
        assert watch.stderr.read().startswith(b"strongroom: ")
