"""The supervisor with stand-in processes: real ones, that behave as roles do towards it."""

import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from console.failures import CommandFailedError
from console.system import call, hear, say
from tests.harness.system import System
from tests.harness.waiting import until
from wire.console import AdoptStdio, StdioEnded

CONNECTION = {
    "type": "postgresql",
    "host": "localhost",
    "database": "d",
    "credentialsEnv": "MAIN_DB_CREDENTIALS",
    "access": "read-only",
}
CONFIGURATION = {"connections": {"main_db": CONNECTION}}
STAND_INS = str(Path(__file__).with_name("stand_in_system.py"))

Maker = Callable[..., System]


@pytest.fixture
def stand_ins(tmp_path: Path) -> Maker:
    """Make systems of stand-ins that write down what they hear."""

    def make(*changes: str, options: tuple[str, ...] = ()) -> System:
        return System(
            configuration=CONFIGURATION,
            command=(sys.executable, "-P", STAND_INS, str(tmp_path), *changes, "--"),
            options=options,
        )

    return make


def heard(journal: Path, role: str) -> str:
    """Return what every life of *role* wrote down."""
    return "".join(path.read_text() for path in sorted(journal.glob(f"{role}-*")))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_everything_starts_in_order_and_everybody_hears_of_everybody(
    stand_ins: Maker, tmp_path: Path
) -> None:
    with stand_ins() as system:
        names = {one.name for one in system.status().processes}
        until(lambda: heard(tmp_path, "vault").count("Pair executor") == 2)
        started = re.findall(r'"child_started","child":"([a-z-]+)-1', system.log)

    assert names == {
        "supervisor",
        "vault-1",
        "login-server-1",
        "router-1",
        "gateway-1",
        "executor-1",
        "executor-2",
    }
    assert started == ["login-server", "vault", "router", "gateway", "executor"]
    assert heard(tmp_path, "router").count("PeerJoined") == 4
    assert heard(tmp_path, "executor").count("Pair vault") == 2
    assert "Pair vault" in heard(tmp_path, "login-server")
    assert "RouterReady ipc://" in heard(tmp_path, "gateway")


def test_the_greeting_says_what_runs_and_how_to_go_on(stand_ins: Maker) -> None:
    with stand_ins() as system:
        output, token = system.output, system.token

        lines = output.splitlines()
        snippets = [json.loads(line) for line in lines if line.startswith("  {")]

    assert f"ready {system.url}" in lines
    assert "main_db  postgresql  localhost:5432/d  read-only  agents may read" in output
    http, stdio = (one["mcpServers"]["strongroom"] for one in snippets)
    assert http == {
        "type": "http",
        "url": system.url,
        "headers": {"Authorization": f"Bearer {token}"},
    }
    assert stdio["args"][-2:] == ["--run-dir", str(system.run_dir)]


def test_a_child_has_its_own_descriptors_and_no_other(stand_ins: Maker, tmp_path: Path) -> None:
    with stand_ins():
        pass

    # Standard streams, control socket, note file and the listing itself; then what was given.
    for role, given in (("vault", 2), ("login-server", 1), ("gateway", 1), ("executor", 0)):
        born = heard(tmp_path, role).splitlines()[0]
        assert f"fds={list(range(6 + given))} given={given}" in born


def test_ctrl_c_stops_everything_and_leaves_nothing(stand_ins: Maker) -> None:
    with stand_ins() as system:
        pids = [one.pid for one in system.status().processes]
        system.process.send_signal(signal.SIGINT)
        status = system.process.wait(5)
        left = sorted(path.name for path in system.run_dir.iterdir())

    assert status == 0
    assert not any(is_alive(pid) for pid in pids)
    assert left == ["lock"]


def test_a_child_that_does_not_finish_is_killed(stand_ins: Maker) -> None:
    with stand_ins("executor=deaf") as system:
        pids = [one.pid for one in system.status().processes]
        system.process.send_signal(signal.SIGTERM)
        status = system.process.wait(5)

    assert status == 0
    assert not any(is_alive(pid) for pid in pids)


def test_no_orphan_survives_a_killed_supervisor(stand_ins: Maker) -> None:
    with stand_ins("executor=deaf") as system:
        pids = [one.pid for one in system.status().processes]
        system.process.kill()
        system.process.wait(5)

        until(lambda: not any(is_alive(pid) for pid in pids), within_s=2)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("role", ["router", "gateway", "executor", "vault", "login-server"])
def test_a_killed_process_is_replaced(stand_ins: Maker, role: str, times: int) -> None:
    with stand_ins() as system:
        for _ in range(times):
            pid = system.kill(role)
            system.wait_until_replaced(role, pid)

        restarts = {one.restarts for one in system.processes(role)}

    assert times in restarts


def test_vault_and_login_server_are_replaced_together(stand_ins: Maker, tmp_path: Path) -> None:
    with stand_ins() as system:
        before = {role: system.pid_of(role) for role in ("vault", "login-server", "executor")}
        system.kill("login-server")
        system.wait_until_replaced("vault", before["vault"])
        until(lambda: heard(tmp_path, "executor").count("Pair vault") == 4)

        after = {role: system.pid_of(role) for role in before}

    assert after["vault"] != before["vault"]
    assert after["login-server"] != before["login-server"]
    assert after["executor"] == before["executor"]


def test_everybody_hears_of_a_lost_router_and_then_of_the_next(
    stand_ins: Maker, tmp_path: Path
) -> None:
    with stand_ins() as system:
        system.wait_until_replaced("router", system.kill("router"))
        until(lambda: heard(tmp_path, "gateway").count("RouterReady") == 2)

    for role in ("gateway", "vault"):
        events = re.findall("RouterReady|RouterLost", heard(tmp_path, role))
        assert events == ["RouterReady", "RouterLost", "RouterReady"]


def test_a_lost_executor_is_told_to_router_and_vault(stand_ins: Maker, tmp_path: Path) -> None:
    with stand_ins() as system:
        system.wait_until_replaced("executor", system.kill("executor"))

    assert "PeerLeft executor" in heard(tmp_path, "router")
    assert "PeerLeft executor" in heard(tmp_path, "vault")


def test_a_child_that_talks_nonsense_is_killed(stand_ins: Maker) -> None:
    system = stand_ins("router=babbles")
    system.begin()
    until(lambda: system.log.count("control_malformed") > 1)

    log = system.log
    system.stop()

    assert '"child_ready","child":"router' not in log


def test_a_role_may_not_speak_for_another(stand_ins: Maker) -> None:
    system = stand_ins("gateway=seals")
    system.begin()
    until(lambda: system.log.count("control_forbidden") > 1)

    log = system.log
    system.stop()

    assert '"child_ready","child":"gateway' not in log


def test_a_unit_that_always_fails_ends_the_system_with_its_own_status(stand_ins: Maker) -> None:
    system = stand_ins("router=crashes")
    system.begin()
    try:
        status = system.process.wait(30)
        log = system.log
    finally:
        system.stop()

    assert status == 3
    assert "router-1 failed too often" in log


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
        second = stand_ins(options=("--run-dir", str(first.run_dir)))
        second.begin()
        status = second.process.wait(20)
        log = second.log
        second.stop()
        alive = first.status()

    assert status == 4
    assert f"already running on {first.run_dir} (process {first.process.pid})" in log
    assert alive.processes


def test_a_busy_port_is_refused(stand_ins: Maker) -> None:
    with stand_ins() as first:
        second = stand_ins(options=("--listen", f"127.0.0.1:{first.port}"))
        second.begin()
        status = second.process.wait(20)
        log = second.log
        second.stop()

    assert status == 2
    assert log == f"strongroom: port {first.port} on 127.0.0.1 is in use\n"


def test_the_status_has_the_vaults_part(stand_ins: Maker) -> None:
    with stand_ins() as system:
        status = system.status()

    assert (status.leases, status.loans) == ([{"id": "abc"}], [])
    assert status.url == system.url
    assert status.connections[0]["access"] == "read-only"
    assert "MAIN_DB_CREDENTIALS" not in status.document.decode()


def test_the_status_does_not_wait_for_a_vault_that_is_silent(stand_ins: Maker) -> None:
    with stand_ins("vault=seals") as system:
        status = system.status()

    assert (status.leases, status.loans) == (None, None)


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
