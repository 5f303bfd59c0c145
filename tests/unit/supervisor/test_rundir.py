"""The run directory: one system in it, and nobody else's."""

import hashlib
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.rundir import RUN_DIR_MAX_BYTES, AlreadyRunningError, RunDirectory, claim
from wire.rundir import MARKER, RunDirectoryError, default_run_dir, require_trusted


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory whose path leaves room for sockets."""
    with tempfile.TemporaryDirectory(prefix="sr-", dir="/tmp") as path:
        yield Path(path)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def release(found: RunDirectory) -> None:
    os.close(found.lock)


def test_every_edge_has_a_directory_of_its_own(short: Path) -> None:
    found = claim(short / "run", executors=["executor-1"])

    assert mode(found.path) == 0o711
    assert [mode(found.edge(role)) for role in ("gateway", "executor", "vault")] == [0o710] * 3
    assert mode(found.adopt_dir("executor-1")) == 0o700
    assert found.endpoint("vault") == f"ipc://{short}/run/vault/router.sock"
    release(found)


def test_a_second_start_is_refused_by_the_first_ones_process_id(short: Path) -> None:
    found = claim(short, executors=[])

    with pytest.raises(
        AlreadyRunningError, match=rf"already running on .* \(process {os.getpid()}\)"
    ):
        claim(short, executors=[])

    release(found)


def test_what_a_killed_system_left_is_cleared(short: Path) -> None:
    release(claim(short, executors=["executor-1"]))
    for name in ("control.sock", "gateways/router.sock", "adopt/executor-1/.s.PGSQL.1"):
        with socket.socket(socket.AF_UNIX) as old:
            old.bind(str(short / name))
    (short / "token").write_text("old")

    found = claim(short, executors=["executor-2"])

    left = sorted(path.name for path in short.rglob("*") if not path.is_dir())
    assert left == [MARKER, "lock"]
    assert [path.name for path in (short / "adopt").iterdir()] == ["executor-2"]
    release(found)


def test_a_directory_with_a_users_files_is_refused_and_nothing_in_it_is_touched(
    short: Path,
) -> None:
    short.chmod(0o750)
    for name in ("vault/precious.py", "gateways/a.py", "executors/b.py", "adopt/executor-1/c.py"):
        (short / name).parent.mkdir(parents=True, exist_ok=True)
        (short / name).write_text("mine")
    (short / "token").write_text("mine")
    before = sorted(short.rglob("*"))

    with pytest.raises(RunDirectoryError, match="name one that is empty or does not exist"):
        claim(short, executors=["executor-1"])

    assert sorted(short.rglob("*")) == before
    assert mode(short) == 0o750


def test_even_in_a_run_directory_nothing_but_what_we_made_is_removed(short: Path) -> None:
    found = claim(short, executors=["executor-1"])
    theirs = [short / name for name in ("vault/router.sock", "adopt/executor-1/c", "gateways/d")]
    for path in theirs:
        path.write_text("mine")
    (short / "control.sock").mkdir()

    found.clear()

    assert all(path.read_text() == "mine" for path in theirs)
    assert (short / "control.sock").is_dir()
    assert not (short / "executors").exists()
    release(found)


def test_an_empty_directory_of_ours_is_used_and_keeps_its_mode(short: Path) -> None:
    short.chmod(0o700)

    found = claim(short, executors=[])

    assert mode(short) == 0o700
    assert (short / MARKER).is_file()
    release(found)


@pytest.mark.parametrize("left", [["lock"], ["strongroom.log", "token"], ["lock", "starting"]])
def test_what_a_run_left_is_used_again_though_its_marker_is_gone(
    short: Path, left: list[str]
) -> None:
    for name in left:
        (short / name).touch()
    (short / "vault").mkdir()

    found = claim(short, executors=[])

    assert (short / MARKER).is_file()
    release(found)


@pytest.mark.parametrize("left", [["token"], ["lock", "mine"], ["lock", "adopt"]])
def test_a_directory_that_may_be_somebody_elses_is_refused_by_the_option_to_give(
    short: Path, left: list[str]
) -> None:
    for name in left:
        (short / name).touch()

    with pytest.raises(RunDirectoryError, match=r"holds files .*: --run-dir DIR"):
        claim(short, executors=[])

    assert sorted(path.name for path in short.iterdir()) == sorted(left)


def test_a_marker_that_is_a_link_marks_nothing(short: Path) -> None:
    (short / MARKER).symlink_to(short / "elsewhere")

    with pytest.raises(RunDirectoryError, match="holds files"):
        claim(short, executors=[])


def test_the_token_is_new_each_time_and_for_its_owner_only(short: Path) -> None:
    found = claim(short, executors=[])

    token = found.write_token()

    assert (short / "token").read_text() == token.text + "\n"
    assert mode(short / "token") == 0o600
    assert token.sha256 == hashlib.sha256(token.text.encode()).hexdigest()
    found.clear()
    assert found.write_token() != token
    release(found)


def test_a_directory_that_others_can_write_is_refused(short: Path) -> None:
    short.chmod(0o770)

    with pytest.raises(RunDirectoryError, match="can be written by other users"):
        claim(short, executors=[])


def test_a_symbolic_link_is_refused(short: Path) -> None:
    (short / "real").mkdir()
    (short / "link").symlink_to(short / "real")

    with pytest.raises(RunDirectoryError, match="is not a directory"):
        claim(short / "link", executors=[])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's directory")
def test_another_users_directory_is_refused_even_by_root(short: Path) -> None:
    os.chown(short, 12345, 12345)

    with pytest.raises(RunDirectoryError, match="belongs to another user"):
        claim(short, executors=[])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's directory")
def test_a_user_does_not_believe_a_directory_of_somebody_else(short: Path) -> None:
    os.chown(short, 12345, 12345)

    with pytest.raises(RunDirectoryError, match="belongs to another user"):
        require_trusted(short, uid=4321)


def test_a_path_too_long_for_a_socket_is_refused(short: Path) -> None:
    path = short / ("x" * RUN_DIR_MAX_BYTES)

    with pytest.raises(RunDirectoryError, match="too long"):
        claim(path, executors=[])


def test_the_usual_place_is_the_sessions_or_a_directory_of_this_user() -> None:
    assert default_run_dir({"XDG_RUNTIME_DIR": "/run/user/5"}, uid=5) == Path(
        "/run/user/5/strongroom"
    )
    # A relative path would be another place in every working directory.
    found = default_run_dir({"XDG_RUNTIME_DIR": "relative"}, uid=5)
    assert found.name == "strongroom-5"
    assert found.is_absolute()
