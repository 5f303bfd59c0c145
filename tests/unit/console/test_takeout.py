"""The credential take-out, seen from outside: what a process that ran it still holds."""

import codecs
import os
import secrets
from pathlib import Path

import pytest

from console.takeout import configuration_path, store
from tests.unit.console.takeout_bench import (
    FORGETTER,
    TAKER,
    a_configuration,
    places_holding,
    refused,
    started,
)
from wire.takeout_fd import SECRETS_FD


def test_a_taken_password_is_nowhere_in_the_memory_or_environment_of_the_process(
    tmp_path: Path,
) -> None:
    password = secrets.token_hex(24)
    path = a_configuration(tmp_path, "MAIN_DB_CREDENTIALS")

    with started(TAKER, "--config", str(path), MAIN_DB_CREDENTIALS=f"app:{password}") as (
        process,
        said,
    ):
        held = Path(f"/proc/{process.pid}/fd/{said}").read_bytes()
        places = places_holding(process.pid, password.encode())

    assert held == f"MAIN_DB_CREDENTIALS=app:{password}\0".encode()
    assert places == []


def test_the_same_search_finds_a_password_that_was_only_deleted_from_the_environment() -> None:
    password = secrets.token_hex(24)

    with started(FORGETTER, MAIN_DB_CREDENTIALS=f"app:{password}") as (process, _):
        places = places_holding(process.pid, password.encode())

    assert places != []


@pytest.mark.parametrize(
    "value",
    [
        "u:p",
        "u:abc",
        "u:with:colons:",
        "u:@/%' \"\\",
        "u:line\nbreak",
        "ünï:pässwörd…🔐",
        "",
    ],
)
def test_a_value_arrives_byte_for_byte(tmp_path: Path, value: str) -> None:
    path = a_configuration(tmp_path, "ANY name, even ünï")

    with started(TAKER, f"--config={path}", **{"ANY name, even ünï": value}) as (process, said):
        held = Path(f"/proc/{process.pid}/fd/{said}").read_bytes()

    assert held == f"ANY name, even ünï={value}\0".encode()


def test_only_the_variables_that_the_configuration_names_are_taken(tmp_path: Path) -> None:
    path = a_configuration(tmp_path, "ONE", "TWO", "ABSENT")

    with started(TAKER, "--config", str(path), ONE="a:1", TWO="b:2", OTHER_CREDENTIALS="c:3") as (
        process,
        said,
    ):
        held = Path(f"/proc/{process.pid}/fd/{said}").read_bytes()
        environment = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")

    assert sorted(held.split(b"\0")) == [b"", b"ONE=a:1", b"TWO=b:2"]
    assert b"OTHER_CREDENTIALS=c:3" in environment
    assert not [entry for entry in environment if entry.startswith((b"ONE=", b"TWO="))]


def test_a_name_given_twice_or_nested_too_deep_is_taken_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "strongroom.json"
    path.write_text(
        '{"connections": {"a": {"credentialsEnv": "ONE"}, "a": {"credentialsEnv": "TWO"},'
        ' "b": [{"credentialsEnv": "THREE"}]}}'
    )

    with started(TAKER, "--config", str(path), ONE="a:1", TWO="b:2", THREE="c:3") as (
        process,
        said,
    ):
        held = Path(f"/proc/{process.pid}/fd/{said}").read_bytes()

    assert sorted(held.split(b"\0")) == [b"", b"ONE=a:1", b"THREE=c:3", b"TWO=b:2"]


@pytest.mark.parametrize("with_file", [True, False], ids=["nothing set", "no configuration"])
def test_nothing_to_take_means_no_descriptor(tmp_path: Path, with_file: bool) -> None:  # noqa: FBT001 - by pytest
    path = a_configuration(tmp_path, "ABSENT")
    arguments = ("--config", str(path)) if with_file else ()

    with started(TAKER, *arguments, OTHER="x") as (_, said):
        pass

    assert said == "none"


def test_an_old_number_in_the_variable_is_not_believed(tmp_path: Path) -> None:
    path = a_configuration(tmp_path, "ONE")

    with started(TAKER, "--config", str(path), ONE="a:1", **{SECRETS_FD: "0"}) as (process, said):
        held = Path(f"/proc/{process.pid}/fd/{said}").read_bytes()

    assert held == b"ONE=a:1\0"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"connections": {\n  "a" 1}}', "is not JSON: line 2, column 7: Expecting ':' delimiter"),
        (b"", "is not JSON: line 1, column 1: Expecting value"),
        (b"[1,]", "is not JSON: line 1, column 4: Expecting value (a comma too many?)"),
        (b'{"a": "\\q"}', "is not JSON: line 1, column 8: Invalid \\escape"),
        (b'{"a": "\xff"}', "is not UTF-8 text: line 1"),
        (b"[" * 100_000, "is not a configuration: it is nested too deeply"),
    ],
    ids=["broken", "empty", "comma too many", "wrong escape", "not UTF-8", "too deep"],
)
def test_an_unreadable_configuration_ends_the_process_with_one_sentence(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "strongroom.json"
    path.write_bytes(content)

    run = refused(path)

    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr == f"strongroom: configuration {path} {sentence}\n"


def test_a_mark_that_an_editor_put_first_hides_no_name(tmp_path: Path) -> None:
    path = a_configuration(tmp_path, "ONE")
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())

    with started(TAKER, "--config", str(path), ONE="a:1") as (process, said):
        held = Path(f"/proc/{process.pid}/fd/{said}").read_bytes()

    assert held == b"ONE=a:1\0"


def test_a_configuration_that_is_not_there_or_not_a_file_is_refused(tmp_path: Path) -> None:
    absent, directory = refused(tmp_path / "absent.json"), refused(tmp_path)

    assert absent.returncode == directory.returncode == 2
    assert absent.stderr.endswith("cannot be read: No such file or directory\n")
    assert directory.stderr.endswith(
        "is not a regular file; it is read more than once, so it has to be one\n"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], None),
        (["--config"], None),
        (["up", "--config", "a"], Path("a")),
        (["--config=a=b"], Path("a=b")),
        (["--config", "a", "--config=b"], Path("b")),
        (["--configuration", "a"], None),
    ],
)
def test_the_configuration_is_the_value_of_the_last_config_option(
    arguments: list[str], expected: Path | None
) -> None:
    assert configuration_path(arguments) == expected


def test_the_memory_file_can_be_overwritten_by_whoever_holds_it() -> None:
    descriptor = store({b"ONE": b"a:1"})

    try:
        os.pwrite(descriptor, b"\0" * 8, 0)
        held = os.pread(descriptor, 100, 0)
    finally:
        os.close(descriptor)

    assert held == b"\0" * 8
