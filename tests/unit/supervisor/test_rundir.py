"""The run directory: one system in it, and nobody else's."""

import hashlib
import os
import socket
from pathlib import Path

import pytest

from supervisor.rundir import RUN_DIR_MAX_BYTES, AlreadyRunningError, RunDirectory, claim
from wire.rundir import MARKER, RunDirectoryError, default_run_dir, require_trusted


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def release(found: RunDirectory) -> None:
    os.close(found.lock)


def test_every_edge_has_a_directory_of_its_own(short_dir: Path) -> None:
    found = claim(short_dir / "run", executors=["executor-1"])

    assert mode(found.path) == 0o711
    assert [mode(found.edge(role)) for role in ("gateway", "executor", "vault")] == [0o710] * 3
    assert mode(found.adopt_dir("executor-1")) == 0o700
    assert found.endpoint("vault") == f"ipc://{short_dir}/run/vault/router.sock"
    release(found)


def test_a_second_start_is_refused_by_the_first_ones_process_id(short_dir: Path) -> None:
    found = claim(short_dir, executors=[])

    with pytest.raises(
        AlreadyRunningError, match=rf"already running on .* \(process {os.getpid()}\)"
    ):
        claim(short_dir, executors=[])

    release(found)


def test_what_a_killed_system_left_is_cleared(short_dir: Path) -> None:
    release(claim(short_dir, executors=["executor-1"]))
    for name in ("control.sock", "gateways/router.sock", "adopt/executor-1/.s.PGSQL.1"):
        with socket.socket(socket.AF_UNIX) as old:
            old.bind(str(short_dir / name))
    (short_dir / "token").write_text("old")

    found = claim(short_dir, executors=["executor-2"])

    left = sorted(path.name for path in short_dir.rglob("*") if not path.is_dir())
    assert left == [MARKER, "lock"]
    assert [path.name for path in (short_dir / "adopt").iterdir()] == ["executor-2"]
    release(found)


def test_a_directory_with_a_users_files_is_refused_and_nothing_in_it_is_touched(
    short_dir: Path,
) -> None:
    short_dir.chmod(0o750)
    for name in ("vault/precious.py", "gateways/a.py", "executors/b.py", "adopt/executor-1/c.py"):
        (short_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (short_dir / name).write_text("mine")
    (short_dir / "token").write_text("mine")
    before = sorted(short_dir.rglob("*"))

    with pytest.raises(RunDirectoryError, match="name one that is empty or does not exist"):
        claim(short_dir, executors=["executor-1"])

    assert sorted(short_dir.rglob("*")) == before
    assert mode(short_dir) == 0o750


def test_even_in_a_run_directory_nothing_but_what_we_made_is_removed(short_dir: Path) -> None:
    found = claim(short_dir, executors=["executor-1"])
    theirs = [
        short_dir / name for name in ("vault/router.sock", "adopt/executor-1/c", "gateways/d")
    ]
    for path in theirs:
        path.write_text("mine")
    (short_dir / "control.sock").mkdir()

    found.clear()

    assert all(path.read_text() == "mine" for path in theirs)
    assert (short_dir / "control.sock").is_dir()
    assert not (short_dir / "executors").exists()
    release(found)


def test_an_empty_directory_of_ours_is_used_and_keeps_its_mode(short_dir: Path) -> None:
    short_dir.chmod(0o700)

    found = claim(short_dir, executors=[])

    assert mode(short_dir) == 0o700
    assert (short_dir / MARKER).is_file()
    release(found)


@pytest.mark.parametrize("left", [["lock"], ["strongroom.log", "token"], ["lock", "starting"]])
def test_what_a_run_left_is_used_again_though_its_marker_is_gone(
    short_dir: Path, left: list[str]
) -> None:
    for name in left:
        (short_dir / name).touch()
    (short_dir / "vault").mkdir()

    found = claim(short_dir, executors=[])

    assert (short_dir / MARKER).is_file()
    release(found)


@pytest.mark.parametrize("left", [["token"], ["lock", "mine"], ["lock", "adopt"]])
def test_a_directory_that_may_be_somebody_elses_is_refused_by_the_option_to_give(
    short_dir: Path, left: list[str]
) -> None:
    for name in left:
        (short_dir / name).touch()

    with pytest.raises(RunDirectoryError, match=r"holds files .*: --run-dir DIR"):
        claim(short_dir, executors=[])

    assert sorted(path.name for path in short_dir.iterdir()) == sorted(left)


def test_a_marker_that_is_a_link_marks_nothing(short_dir: Path) -> None:
    (short_dir / MARKER).symlink_to(short_dir / "elsewhere")

    with pytest.raises(RunDirectoryError, match="holds files"):
        claim(short_dir, executors=[])


def test_the_token_is_new_each_time_and_for_its_owner_only(short_dir: Path) -> None:
    found = claim(short_dir, executors=[])

    token = found.write_token()

    assert (short_dir / "token").read_text() == token.text + "\n"
    assert mode(short_dir / "token") == 0o600
    assert token.sha256 == hashlib.sha256(token.text.encode()).hexdigest()
    found.clear()
    assert found.write_token() != token
    release(found)


def test_a_directory_that_others_can_write_is_refused(short_dir: Path) -> None:
    short_dir.chmod(0o770)

    with pytest.raises(RunDirectoryError, match="can be written by other users"):
        claim(short_dir, executors=[])


def test_a_symbolic_link_is_refused(short_dir: Path) -> None:
    (short_dir / "real").mkdir()
    (short_dir / "link").symlink_to(short_dir / "real")

    with pytest.raises(RunDirectoryError, match="is not a directory"):
        claim(short_dir / "link", executors=[])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's directory")
def test_another_users_directory_is_refused_even_by_root(short_dir: Path) -> None:
    os.chown(short_dir, 12345, 12345)

    with pytest.raises(RunDirectoryError, match="belongs to another user"):
        claim(short_dir, executors=[])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's directory")
def test_a_user_does_not_believe_a_directory_of_somebody_else(short_dir: Path) -> None:
    os.chown(short_dir, 12345, 12345)

    with pytest.raises(RunDirectoryError, match="belongs to another user"):
        require_trusted(short_dir, uid=4321)


def test_a_path_too_long_for_a_socket_is_refused(short_dir: Path) -> None:
    path = short_dir / ("x" * RUN_DIR_MAX_BYTES)

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
