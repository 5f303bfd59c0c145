"""Credentials that systemd brings as files (LoadCredential=): the same take-out."""

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.console.takeout_bench import (
    TAKER,
    a_configuration,
    places_holding,
    refused,
    started,
)


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_a_credential_that_systemd_left_in_a_file_is_taken_and_is_nowhere_else(
    tmp_path: Path, ending: bytes
) -> None:
    password = secrets.token_hex(24)
    path = a_configuration(tmp_path, "MAIN_DB_CREDENTIALS", "OTHER")
    directory = tmp_path / "credentials"
    directory.mkdir()
    (directory / "MAIN_DB_CREDENTIALS").write_bytes(f"app:{password}".encode() + ending)

    with started(
        TAKER, "--config", str(path), CREDENTIALS_DIRECTORY=str(directory), OTHER="b:2"
    ) as (process, said):
        held = Path(f"/proc/{process.pid}/fd/{said}").read_bytes()
        places = places_holding(process.pid, password.encode())
        open_files = [fd.readlink() for fd in Path(f"/proc/{process.pid}/fd").iterdir()]

    assert held == f"MAIN_DB_CREDENTIALS=app:{password}\0OTHER=b:2\0".encode()
    assert places == []
    assert not [target for target in open_files if directory in target.parents]


def test_a_variable_counts_before_a_file_of_its_name(tmp_path: Path) -> None:
    path = a_configuration(tmp_path, "ONE")
    (tmp_path / "ONE").write_text("a:file")

    with started(
        TAKER, "--config", str(path), CREDENTIALS_DIRECTORY=str(tmp_path), ONE="a:variable"
    ) as (process, said):
        held = Path(f"/proc/{process.pid}/fd/{said}").read_bytes()

    assert held == b"ONE=a:variable\0"


@pytest.mark.parametrize("name", ["../ONE", "/etc/hostname", "..", ".", "", "a\0b", "ABSENT"])
def test_a_name_that_is_no_files_name_leads_nowhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "ONE").write_text("a:1")
    directory = tmp_path / "credentials"
    directory.mkdir()
    path = a_configuration(tmp_path, name)

    with started(TAKER, "--config", str(path), CREDENTIALS_DIRECTORY=str(directory)) as (_, said):
        pass

    assert said == "none"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.mkdir(), "is not a regular file"),
        (lambda path: path.symlink_to(path), "cannot be read: Too many levels of symbolic links"),
        (lambda path: path.write_bytes(b"x" * 70_000), "has more than 65536 bytes"),
    ],
    ids=["directory", "loop", "too large"],
)
def test_a_credential_file_that_cannot_be_used_ends_the_process_with_one_sentence(
    tmp_path: Path, make: Callable[[Path], None], why: str
) -> None:
    path = a_configuration(tmp_path, "ONE")
    make(tmp_path / "ONE")

    run = refused(path, CREDENTIALS_DIRECTORY=str(tmp_path))

    assert run.returncode == 2
    assert run.stderr == f"strongroom: credential file {tmp_path / 'ONE'} {why}\n"
