"""What is told while a proof goes on."""

import os
import secrets
import sys
from pathlib import Path

import pytest

from console.scan.listener import Listener, progress_of_terminal
from console.scan.proof import prove
from console.scan.report import Suspect
from tests.harness.memory import a_process


def test_the_control_is_told_before_anything_else_is_looked_at(tmp_path: Path) -> None:
    told: list[str] = []
    with a_process("") as pid:
        listener = Listener(told.append, told.append)
        prove([Suspect(pid, "executor")], secrets.token_bytes(24), [tmp_path], listener=listener)

    first = next(n for n, said in enumerate(told) if said.startswith("control: "))
    looked = [said for said in told if said.startswith("looking into")]
    assert told[first].endswith("spellings were found")
    assert told.index(looked[0]) > first
    assert looked == [f"looking into executor {pid}", f"looking into {tmp_path}"]
    assert told[-1] == ""


def test_progress_is_shown_on_a_terminal_and_wiped_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        show = progress_of_terminal()
        show("looking into executor 7")
        show("")
        shown = ""
        while shown.count("\r") < 3:
            # A terminal passes on what it has so far.
            shown += os.read(ours, 1000).decode()
    os.close(ours)

    lines = shown.split("\r")
    assert lines[1].strip() == "looking into executor 7"
    assert lines[2].strip() == lines[3] == ""
    assert len(lines[1]) == len(lines[2])


def test_where_there_is_no_terminal_nothing_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "errors"
    with path.open("w") as errors:
        monkeypatch.setattr(sys, "stderr", errors)
        progress_of_terminal()("looking into executor 7")

    assert path.read_text() == ""
