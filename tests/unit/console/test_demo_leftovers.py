"""What demos that were killed left behind, and what a start must not touch."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.demo.keeper import _stop
from console.demo.leftovers import MARKER, PREFIX, hold, sweep
from tests.unit.console.demo_bench import a_keeper, a_plan, descendants, until_gone


def a_dead_demo(parent: Path, name: str = "dead") -> Path:
    home = parent / f"{PREFIX}{name}"
    (home / "data").mkdir(parents=True)
    os.close(hold(home))
    (home / "data" / "PG_VERSION").touch()
    return home


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "outside"
    path.mkdir()
    (path / "thesis.txt").touch()
    yield path
    assert (path / "thesis.txt").exists()


def test_a_directory_that_nobody_holds_is_removed(tmp_path: Path) -> None:
    home = a_dead_demo(tmp_path)

    sweep(tmp_path)

    assert not home.exists()


def test_a_directory_that_somebody_holds_stays(tmp_path: Path) -> None:
    home = a_dead_demo(tmp_path)
    descriptor = hold(home)
    try:
        sweep(tmp_path)

        assert (home / "data" / "PG_VERSION").exists()
    finally:
        os.close(descriptor)


def test_what_has_no_marker_of_ours_stays(tmp_path: Path, outside: Path) -> None:
    unmarked, linked = a_dead_demo(tmp_path, "a"), a_dead_demo(tmp_path, "b")
    (unmarked / MARKER).unlink()
    (linked / MARKER).unlink()
    (linked / MARKER).symlink_to(outside / "thesis.txt")

    sweep(tmp_path)

    assert unmarked.exists()
    assert linked.exists()


def test_a_link_is_not_followed(tmp_path: Path, outside: Path) -> None:
    os.close(hold(outside))
    link = tmp_path / f"{PREFIX}link"
    link.symlink_to(outside)

    sweep(tmp_path)

    assert link.is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's directory")
def test_another_users_directory_stays_even_for_root(tmp_path: Path) -> None:
    theirs, marked = a_dead_demo(tmp_path, "a"), a_dead_demo(tmp_path, "b")
    os.chown(theirs, 12345, 12345)
    os.chown(marked / MARKER, 12345, 12345)

    sweep(tmp_path)

    assert theirs.exists()
    assert marked.exists()


def test_the_keeper_holds_its_directory_until_it_dies_however_it_dies() -> None:
    with a_plan() as plan, a_keeper(plan) as keeper:
        held = Path(f"/proc/{keeper.pid}/fd")
        marker = plan.directory / MARKER
        assert marker in [fd.readlink() for fd in held.iterdir()]
        servers = descendants(keeper.pid)
        keeper.kill()
        until_gone([keeper.pid, *servers])


def test_a_start_removes_what_a_killed_demo_left_and_keeps_what_it_makes() -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o711)  # PostgreSQL's user passes through it
        home = a_dead_demo(directory)

        with a_plan(directory) as plan:
            assert not home.exists()
            sweep(directory)
            assert plan.reader_password_file.exists()


def test_the_server_is_told_to_drop_everything_at_once() -> None:
    with subprocess.Popen([shutil.which("sleep") or "sleep", "60"]) as server:
        _stop(server)

        assert server.returncode == -signal.SIGQUIT
