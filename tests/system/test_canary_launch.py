"""The promise itself, as a user starts it: the script, with the password in its environment.

The script's process becomes `strongroom up`, and that the supervisor. So the process that was
given the password is there to the end, under one process id, and is looked into first of all.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.scan.proof import prove
from console.scan.report import Place, Suspect
from tests.harness.checkout import being_set_up, install, make_checkout
from tests.harness.clients import McpClient, fault_of
from tests.harness.databases import Databases
from tests.harness.memory import assert_nowhere, find_descendants
from tests.harness.postgres import PostgresServer
from tests.harness.system import System
from tests.harness.waiting import until
from wire.takeout_fd import MEMORY_FILE_NAME

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="reading other processes needs root")

WAITS = "another process is setting up .venv; waiting for it"
ROLES = {"supervisor", "vault", "login-server", "router", "gateway", "executor"}


@pytest.fixture(scope="module")
def databases(postgres: PostgresServer) -> Databases:
    made = Databases(postgres)
    made.add("canary")
    made.add("nowhere")
    made.connections["nowhere"]["port"] = 1
    return made


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return make_checkout(tmp_path / "checkout")


@pytest.fixture
def launch(databases: Databases, checkout: Path) -> System:
    return System(
        configuration={"connections": databases.connections},
        credentials=databases.environment,
        command=(str(checkout / "scripts" / "launch.py"),),
        import_path=None,
    )


@contextmanager
def held_at_its_installation(launch: System, checkout: Path) -> Iterator[Suspect]:
    """Begin with *launch* where somebody else is making the `.venv`, and end it there."""
    with being_set_up(checkout):
        launch.begin()
        try:
            until(lambda: WAITS in launch.log)
            yield Suspect(launch.process.pid, "launch.py")
        finally:
            launch.stop()


def command_line(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")


def live(launch: System) -> None:
    """Connect, query, and fail to log in."""
    with McpClient.http(launch) as client:
        connection_id = client.connect("canary")
        for n in range(5):
            answer = client.execute(connection_id, "select :n::int as n", n=n)
            assert answer["rows"] == [{"n": n}]
        refused = client.call("connect_named_storage", connection_name="nowhere")
        assert fault_of(refused)["code"] == "database_unreachable"


def test_a_script_that_still_installs_holds_the_password_in_its_memory_file_only(
    launch: System, checkout: Path, databases: Databases
) -> None:
    with held_at_its_installation(launch, checkout) as first:
        script = command_line(first.pid)
        report = prove(
            [first], databases.passwords["canary"].encode(), [launch.directory, checkout]
        )

    assert str(checkout / "scripts" / "launch.py") in script
    assert report.unscanned == ()
    # This also shows that the search finds it in a process of this kind.
    assert {(hit.pid, hit.place) for hit in report.hits} == {(first.pid, Place.DESCRIPTOR)}
    assert all(MEMORY_FILE_NAME in hit.where for hit in report.hits)


def test_after_a_start_by_the_script_the_password_and_its_derivatives_are_nowhere(
    launch: System, checkout: Path, databases: Databases
) -> None:
    install(checkout)

    with launch:
        live(launch)
        processes = launch.status().processes
        first = Suspect(launch.process.pid, "supervisor", "first process of the launch")
        suspects = [first, *(Suspect(one.pid, one.role, one.name) for one in processes)]
        started = {first.pid, *find_descendants(first.pid)}
        reports = [
            assert_nowhere(
                suspects,
                databases.passwords[name].encode(),
                extra=databases.derivatives(name),
                directories=[launch.directory, checkout],
            )
            for name in ("canary", "nowhere")
        ]
        supervisor = command_line(first.pid)

    assert first.pid == next(one.pid for one in processes if one.role == "supervisor")
    assert supervisor[:4] == [str(checkout / ".venv/bin/python"), "-P", "-m", "supervisor"]
    assert {one.role for one in processes} == ROLES
    for report in reports:
        assert started <= {part.pid for part in report.parts}
        assert all("secretmem" in gap.where for gap in report.unscanned), report.unscanned
