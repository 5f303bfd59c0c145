"""One event, one line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.system import ROOT
from wire.logs import LINE_BYTES, Head, Log, line_of

# Each is logged in a line of its own, and none of them is a scalar.
NOT_SCALARS = (
    'ValueError("password=x")',
    'b"password"',
    '["a row"]',
    '{"a": "parameter"}',
    "Path()",
    "sqlalchemy.create_engine('sqlite://').url",
    "TellStatus(ask=1)",
)


def test_an_event_is_one_line_of_json_with_its_fields(capfd: pytest.CaptureFixture[str]) -> None:
    Log("vault-1.5f3a9c21").warning("login_failed", stage="connect", tries=3, late=True, at=None)

    (line,) = capfd.readouterr().err.splitlines()
    event = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.pop("time"))
    assert event == {
        "level": "warning",
        "process": "vault-1.5f3a9c21",
        "event": "login_failed",
        "stage": "connect",
        "tries": 3,
        "late": True,
        "at": None,
    }


def test_a_field_cannot_forge_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    Log("router-1.5f3a9c21").info("peer", name='a\n{"level":"critical"}\x1b[2J')

    (line,) = capfd.readouterr().err.splitlines()
    assert "\x1b" not in line


def test_each_of_the_four_words_is_a_level(capfd: pytest.CaptureFixture[str]) -> None:
    log = Log("test")

    for say in (log.info, log.warning, log.error, log.critical):
        say("event")

    levels = [json.loads(line)["level"] for line in capfd.readouterr().err.splitlines()]
    assert levels == ["info", "warning", "error", "critical"]


def test_the_work_goes_on_when_nobody_reads_the_log() -> None:
    kept = os.dup(2)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    os.close(reading)
    log = Log("test")
    try:
        log.info("into a closed pipe")
        log.critical("and once more")
    finally:
        os.dup2(kept, 2)
        os.close(kept)

    assert os.fstat(2)


def test_on_a_terminal_a_field_cannot_forge_a_line() -> None:
    controller, terminal = os.openpty()
    kept = os.dup(2)
    os.dup2(terminal, 2)
    try:
        Log("test").info("peer", name="a\ncritical test forged\x1b[2J")
        shown = os.read(controller, 4096)
    finally:
        os.dup2(kept, 2)
        for descriptor in (kept, controller, terminal):
            os.close(descriptor)

    assert shown.count(b"\n") == 1
    assert b"\x1b" not in shown


def test_what_is_no_scalar_does_not_type_check(tmp_path: Path) -> None:
    head = ["from pathlib import Path", "import sqlalchemy", "from wire.control import TellStatus"]
    head += ["from wire.logs import Log", 'Log("vault").info("peer", name="a", n=1, at=None)']
    program = tmp_path / "program.py"
    calls = [f'Log("vault").error("login_failed", what={value})' for value in NOT_SCALARS]
    program.write_text("\n".join([*head, *calls]) + "\n")

    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    refused = re.findall(r"program\.py:(\d+): error: .*\[arg-type\]", checked.stdout)
    assert [int(line) for line in refused] == [
        number for number, _ in enumerate(calls, start=len(head) + 1)
    ], checked.stdout + checked.stderr
    assert checked.stdout.splitlines()[-1].startswith(f"Found {len(calls)} errors")


@pytest.mark.parametrize("field", ["x" * 100_000, "\x00" * 5_000, "\U0001f600" * 5_000, "\udc80"])
@pytest.mark.parametrize("count", [1, 40])
def test_no_line_is_longer_than_what_a_pipe_takes_whole(field: str, count: int) -> None:
    head = Head(0.0, "info", "router-1.5f3a9c21", "peer")

    lines = [
        line_of(form, head, {f"field_{n}": field for n in range(count)})
        for form in ("json", "text")
    ]

    assert all(len(line) <= LINE_BYTES and line.count(b"\n") == 1 for line in lines)
    assert json.loads(lines[0])["time"] == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "value", ["a critical=b", 'a" event="x', "a\u202eb", "a\x9b2J", "", "a\x7f"]
)
def test_a_text_in_a_line_for_people_cannot_pass_for_anything_else(value: str) -> None:
    line = line_of("text", Head(0.0, "info", "test", "peer"), {"name": value, "n": 1}).decode()

    assert re.fullmatch(r'1970\S+ info test peer name="(?:[^"\\]|\\.)*" n=1\n', line)
    assert line[:-1].isprintable()


def test_json_is_ascii_without_control_characters() -> None:
    line = line_of("json", Head(0.0, "info", "test", "peer"), {"name": "é\x9b\x7f\x1b", "n": 0.0})

    assert re.fullmatch(rb"[ -~]+\n", line)
    assert json.loads(line)["name"] == "é\x9b\x7f\x1b"


def test_a_reader_that_does_not_read_makes_nobody_wait_and_reads_of_it_later() -> None:
    kept = os.dup(2)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    try:
        log = Log("test")
        for n in range(3_000):
            log.info("event", n=n)
        early = os.read(reading, 1 << 20).splitlines()
        log.info("event", n=3_000)
        (late,) = os.read(reading, 1 << 20).splitlines()
    finally:
        os.dup2(kept, 2)
        for descriptor in (kept, reading, writing):
            os.close(descriptor)

    assert json.loads(late)["lost_before"] == 3_000 - len(early)
