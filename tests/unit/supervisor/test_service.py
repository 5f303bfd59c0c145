"""The supervisor with stand-in processes: real ones, that behave as roles do towards it."""

import json
import re
import signal
from pathlib import Path

import pytest

from tests.harness.processes import is_alive
from tests.harness.waiting import until
from tests.unit.supervisor.stand_ins import Maker, begun, heard


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
    assert "main_db  postgresql  localhost:5432/d  no TLS  read-only  agents may read" in output
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
    assert left == [".strongroom-run", "lock"]


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
    with begun(stand_ins("router=babbles")) as system:
        until(lambda: system.log.count("control_malformed") > 1)

        log = system.log

    assert '"child_ready","child":"router' not in log


def test_a_role_may_not_speak_for_another(stand_ins: Maker) -> None:
    with begun(stand_ins("gateway=seals")) as system:
        until(lambda: system.log.count("control_forbidden") > 1)

        log = system.log

    assert '"child_ready","child":"gateway' not in log


@pytest.mark.parametrize(
    ("asking", "behaviours", "peer"),
    [
        ("vault", "seals ends=executor", "executor"),
        ("router", "ends=executor", "executor"),
        ("router", "ends=vault", "vault"),
    ],
)
def test_a_peer_that_keeps_its_asker_waiting_is_ended_and_replaced(
    stand_ins: Maker, asking: str, behaviours: str, peer: str
) -> None:
    with stand_ins(f"{asking}={behaviours}") as system:
        until(lambda: '"event":"peer_ended"' in system.log)
        until(lambda: any(one.restarts for one in system.processes(peer)))

        asker = system.processes(asking)[0]
        log = system.log

    assert re.search(rf'"event":"peer_ended","peer":"{peer}-\d\.\w+","by":"{asking}-1\.', log)
    assert asker.restarts == 0
    assert "control_forbidden" not in log


@pytest.mark.parametrize(
    ("asking", "behaviours"),
    [
        ("vault", "seals ends=login-server"),
        ("router", "ends=gateway"),
        ("executor", "ends=vault"),
    ],
)
def test_who_would_have_somebody_else_ended_is_ended_itself(
    stand_ins: Maker, asking: str, behaviours: str
) -> None:
    with begun(stand_ins(f"{asking}={behaviours}")) as system:
        until(lambda: f'"event":"child_exited","child":"{asking}-1' in system.log)

        log = system.log

    assert f'"event":"control_forbidden","child":"{asking}-1.' in log
    assert "peer_ended" not in log


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


def test_a_demo_has_longer_than_others_to_end_and_what_it_leaves_is_told(
    stand_ins: Maker, tmp_path: Path
) -> None:
    password = tmp_path / "demo" / "reader-password"
    password.parent.mkdir()
    demo = ("--demo-command", '["keeper"]', "--demo-password-file", str(password))
    with stand_ins("router=reports deaf", options=demo) as system:
        system.process.send_signal(signal.SIGINT)
        status = system.process.wait(20)
        log = system.log

    assert status == 0
    killed = re.findall(r'"level":"(\w+)",.*"child_exited","child":"(\w+)-.*"status":137', log)
    assert killed == [("warning", "router"), ("warning", "demo")]
    assert f'"event":"demo_left","directory":"{password.parent}"' in log
    assert f"the demo's directory {password.parent} is still there" in log
