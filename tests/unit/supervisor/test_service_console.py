"""What a person or a command hears from the supervisor: refusals, status, standard streams."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from console.failures import CommandFailedError
from console.system import call, hear, say
from tests.harness.system import ROOT, System
from tests.harness.waiting import until
from tests.unit.supervisor.stand_ins import Maker, begun
from wire.console import AdoptStdio, StdioEnded


def test_a_missing_variable_is_named_with_its_connection(stand_ins: Maker) -> None:
    system = stand_ins("vault=seals lacks=MAIN_DB_CREDENTIALS")
    system.begin()
    try:
        status = system.process.wait(30)
        log = system.log
    finally:
        system.stop()

    assert status == 2
    assert (
        'environment variable MAIN_DB_CREDENTIALS is not set; connection "main_db" needs it' in log
    )
    assert "router" not in log


def test_a_second_start_on_the_same_directory_is_refused(stand_ins: Maker) -> None:
    with stand_ins() as first:
        with begun(stand_ins(options=("--run-dir", str(first.run_dir)))) as second:
            status = second.process.wait(20)
            log = second.log
        alive = first.status()

    assert status == 4
    assert f"already running on {first.run_dir} (process {first.process.pid})" in log
    assert alive.processes


def test_a_busy_port_is_refused(stand_ins: Maker) -> None:
    with (
        stand_ins() as first,
        begun(stand_ins(options=("--listen", f"127.0.0.1:{first.port}"))) as second,
    ):
        status = second.process.wait(20)
        log = second.log

    assert status == 2
    taken = f"port {first.port} on 127.0.0.1 is in use"
    assert log == f"strongroom: {taken}; choose another with --listen\n"


def test_whoever_starts_twice_reads_of_the_first_start_and_not_of_its_port(
    stand_ins: Maker,
) -> None:
    with stand_ins() as first:
        done = up("--run-dir", str(first.run_dir), "--listen", f"127.0.0.1:{first.port}")

    assert done.returncode == 4
    assert f"already running on {first.run_dir} (process {first.process.pid})" in done.stderr
    assert f"`strongroom status --run-dir {first.run_dir}`" in done.stderr


def test_a_busy_port_leaves_no_directories(stand_ins: Maker, short_dir: Path) -> None:
    run_dir = short_dir / "run"
    with stand_ins() as first:
        done = up("--run-dir", str(run_dir), "--listen", f"127.0.0.1:{first.port}")

    assert done.returncode == 2
    assert sorted(path.name for path in run_dir.iterdir()) == [".strongroom-run", "lock"]


def test_the_status_says_which_configuration_and_which_log(stand_ins: Maker) -> None:
    with stand_ins() as system:
        status = system.status()

    assert status.configuration == str(system.directory / "strongroom.json")
    assert status.log is None


def test_after_ctrl_c_it_says_that_it_stopped(stand_ins: Maker) -> None:
    with stand_ins() as system:
        system.process.send_signal(signal.SIGINT)
        system.process.wait(5)

        assert system.output.endswith("\nstopped\n")


def test_the_status_has_the_vaults_part(stand_ins: Maker) -> None:
    with stand_ins() as system:
        status = system.status()

    assert (status.leases_total, status.loans) == (1, [])
    assert status.leases is not None
    assert (status.leases[0]["id"], status.leases[0]["expires_in_s"]) == ("abc", 20.0)
    assert status.connections[0]["health"] == {
        "state": "healthy",
        "since_s": 3.0,
        "next_try_s": None,
    }
    assert status.pools == [
        {
            "connection": "main_db",
            "principal": "token:local",
            "access": "read-only",
            "lent": 2,
            "limit": 24,
        }
    ]
    assert status.url == system.url
    assert status.connections[0]["access"] == "read-only"
    assert "MAIN_DB_CREDENTIALS" not in status.document.decode()


def test_the_status_has_the_routers_part_lease_by_lease(stand_ins: Maker) -> None:
    with stand_ins() as system:
        status = system.status()

    assert status.leases is not None
    assert {name: status.leases[0][name] for name in ("statements", "rows", "running")} == {
        "statements": 7,
        "rows": 900,
        "running": 1,
    }
    assert status.requests == {"running": 1, "for_slot": 0, "for_vault": 0, "at_vault": 0}
    assert status.logins == {"running": 1, "waiting": 2}
    assert status.limits["leasesPerPrincipal"] == 64


def test_a_router_that_is_silent_costs_its_own_part_only(stand_ins: Maker) -> None:
    with stand_ins("router=") as system:
        status = system.status()

    assert status.leases is not None
    assert (status.leases[0]["id"], status.leases[0]["statements"]) == ("abc", None)
    assert status.requests is None


def test_a_router_that_reports_as_the_vault_is_ended(stand_ins: Maker) -> None:
    with stand_ins("router=pretends") as system:
        system.status()

        until(lambda: "control_forbidden" in system.log)


def test_the_status_does_not_wait_for_a_vault_that_is_silent(stand_ins: Maker) -> None:
    with stand_ins("vault=seals") as system:
        status = system.status()

    assert (status.leases, status.loans, status.logins) == (None, None, None)


def test_only_its_owner_may_use_the_control_socket(stand_ins: Maker) -> None:
    with stand_ins() as system:
        mode = (system.run_dir / "control.sock").stat().st_mode & 0o777

    assert mode == 0o600


def test_nonsense_on_the_control_socket_ends_only_that_conversation(stand_ins: Maker) -> None:
    with stand_ins() as system:
        with call(system.run_dir) as link:
            link.send(b"nonsense")
            with pytest.raises(CommandFailedError, match="not a request"):
                hear(link)

        assert system.status().processes


def up(*options: str) -> subprocess.CompletedProcess[str]:
    """Start a demo, as far as it gets."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "console", "up", *options],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


class Client:
    """An MCP client's side of its server's standard streams, and the command in between."""

    def __init__(self, system: System) -> None:
        self.stdin_of_server, self.to_server = os.pipe()
        self.from_server, self.stdout_of_server = os.pipe()
        self.link = call(system.run_dir)
        say(self.link, AdoptStdio(), (self.stdin_of_server, self.stdout_of_server))
        os.close(self.stdin_of_server)
        os.close(self.stdout_of_server)

    def close(self) -> None:
        os.close(self.from_server)
        self.link.close()


def test_a_client_on_standard_streams_is_served_until_it_goes(stand_ins: Maker) -> None:
    with stand_ins("gateway=echoes", options=("--listen", "none")) as system:
        client = Client(system)
        os.write(client.to_server, b"hello")
        answer = os.read(client.from_server, 100)
        os.close(client.to_server)

        end = os.read(client.from_server, 100)
        ended, _ = hear(client.link)
        client.close()
        still = system.status()

    assert (answer, end) == (b"hello", b"")
    assert ended == StdioEnded(status=5)
    assert still.processes


def test_a_gateway_on_standard_streams_ends_with_the_command_that_asked_for_it(
    stand_ins: Maker,
) -> None:
    with stand_ins(options=("--listen", "none")) as system:
        client = Client(system)
        until(lambda: system.processes("gateway"))

        client.link.close()

        until(lambda: not system.processes("gateway"))
        os.close(client.to_server)
        os.close(client.from_server)


def test_a_system_for_one_client_ends_with_it(stand_ins: Maker) -> None:
    options = ("--listen", "none", "--until-idle")
    with stand_ins("gateway=echoes", options=options) as system:
        client = Client(system)
        os.close(client.to_server)
        ended, _ = hear(client.link)
        client.close()

        status = system.process.wait(5)

    assert ended == StdioEnded(status=5)
    assert status == 0
