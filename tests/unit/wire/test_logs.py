"""One event, one line."""

import json
import os
import re

import pytest

from wire.logs import Log


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
