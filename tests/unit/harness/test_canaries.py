"""The check of the logs can fail: what is planted is found, in every process and every spelling."""

import base64
import importlib.util
import json
import os
import secrets
import subprocess
import sys
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import canaries
from tests.harness.system import ROOT

# Hands in a log, or prints, with the secret in it or without.
PLANTS = """
import os, secrets
from tests.harness import canaries

def test_logs():
    secret = secrets.token_urlsafe(24)
    canaries.register("a planted password", secret)
    said = "password=" + (secret if {plants} else "…")
    {says}
"""
WAYS = {
    "a log": 'canaries.hand_in("a log", said.encode())',
    "its output": "os.write(2, said.encode())",
}
ALONE, TOGETHER = ("-p", "no:cacheprovider"), ("-p", "no:cacheprovider", "-n", "2")

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "json": lambda secret: json.dumps({"words": secret}),
    "repr": lambda secret: repr(secret.encode()),
    "url": lambda secret: f"postgresql://user:{urllib.parse.quote(secret, safe='')}@host/db",
    "base64": lambda secret: base64.b64encode(f"app:{secret}".encode()).decode(),
    "its beginning": lambda secret: secret[:16] + "…",
}


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "session"
    made.mkdir()
    canaries.make(made)
    monkeypatch.setenv(canaries.DIRECTORY, str(made))
    return made


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_planted_secret_is_found_in_any_spelling_and_is_not_shown(
    session: Path, spelling: str
) -> None:
    secret = f"{secrets.token_urlsafe(12)}:@/%'\"\\é{secrets.token_urlsafe(12)}"
    canaries.register("a password", secret)
    canaries.register("another", secrets.token_urlsafe(24))

    canaries.hand_in("errors", f'{{"event":"x"}}\n{SPELLINGS[spelling](secret)}\n'.encode())

    found = canaries.search(session)
    assert {(one.canary, one.log) for one in found} == {("a password", "errors")}
    assert not any(secret[:8] in str(one) for one in found)


def test_a_log_that_is_written_to_the_end_is_read_at_the_end(session: Path) -> None:
    word = canaries.marker("a parameter")
    log = session / "strongroom.log"
    canaries.hand_in_later(log)

    log.write_text(f"value={word}\n")

    assert [str(one) for one in canaries.search(session)] == [
        "a parameter (raw) in strongroom.log at 0x6"
    ]


def test_a_clean_log_and_the_first_eight_characters_of_an_id_are_no_finding(session: Path) -> None:
    connection_id = secrets.token_urlsafe(24)
    canaries.register("a connection id", connection_id)

    canaries.hand_in("errors", f'{{"id":"{connection_id[:8]}"}}\n'.encode() * 1000)

    assert canaries.search(session) == []


def run_session(directory: Path, *options: str, way: str, plants: bool) -> tuple[int, str]:
    (directory / "test_one.py").write_text(PLANTS.format(plants=plants, says=WAYS[way]))
    command = [sys.executable, "-m", "pytest", "-p", "tests.harness.canary_check", *options]
    ran = subprocess.run(
        [*command, "-c", os.devnull, "--rootdir", str(directory), str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("options", [ALONE, TOGETHER], ids=["one process", "several"])
def test_a_session_that_logs_a_secret_fails_though_its_tests_pass(
    tmp_path: Path, options: tuple[str, ...], way: str
) -> None:
    if options is TOGETHER and importlib.util.find_spec("xdist") is None:
        pytest.skip("pytest-xdist is not installed")

    status, said = run_session(tmp_path, *options, way=way, plants=True)

    assert status == 1, said
    assert "1 passed" in said
    assert "a planted password (raw) in " in said


@pytest.mark.parametrize("options", [ALONE, TOGETHER], ids=["one process", "several"])
def test_a_session_that_logs_none_ends_well(tmp_path: Path, options: tuple[str, ...]) -> None:
    if options is TOGETHER and importlib.util.find_spec("xdist") is None:
        pytest.skip("pytest-xdist is not installed")

    status, said = run_session(tmp_path, *options, way="a log", plants=False)

    assert status == 0, said
