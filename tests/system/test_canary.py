"""The promise itself: no process but a login, while it logs in, holds a password."""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.scan.needles import Extra
from console.scan.report import Suspect
from console.system import fetch_status
from tests.harness.clients import McpClient
from tests.harness.databases import Databases
from tests.harness.memory import assert_nowhere, find_commands, scram_derivatives
from tests.harness.postgres import PostgresServer
from tests.harness.system import ROOT, System
from tests.harness.waiting import until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="reading other processes needs root")


@pytest.fixture(scope="module")
def databases(postgres: PostgresServer) -> Databases:
    made = Databases(postgres)
    made.add("canary")
    made.add("wrong")
    made.add("nowhere")
    made.connections["wrong"]["credentialsEnv"] = "WRONG_ON_PURPOSE"
    made.connections["nowhere"]["port"] = 1
    return made


@pytest.fixture(scope="module")
def system(databases: Databases) -> Iterator[System]:
    environment = dict(databases.environment)
    del environment[databases.variable("wrong")]
    environment["WRONG_ON_PURPOSE"] = f"{databases.role('wrong')}:not{databases.passwords['wrong']}"
    with System(
        configuration={"connections": databases.connections}, credentials=environment
    ) as running:
        yield running


def suspects(system: System) -> list[Suspect]:
    return [Suspect(pid=process.pid, role=process.role) for process in system.status().processes]


def derivatives(databases: Databases, name: str) -> list[Extra]:
    """Return what SCRAM makes of a password, with the salt that the server stores."""
    rows = databases.server.admin_sql(
        f"select rolpassword from pg_authid where rolname = '{databases.role(name)}'"
    )
    _, parameters, _ = str(rows[0][0]).split("$")
    iterations, salt = parameters.split(":")
    return scram_derivatives(
        databases.passwords[name].encode(),
        salt=base64.b64decode(salt),
        iterations=int(iterations),
    )


def live_through_everything(system: System, databases: Databases) -> None:
    """Connect, query, fail to log in in each way, cancel, kill, disconnect."""
    with McpClient.http(system) as client:
        connection_id = client.connect("canary")
        for n in range(20):
            client.execute(connection_id, "select :n as n", n=n)
        for name in ("wrong", "nowhere"):
            assert client.call("connect_named_storage", connection_name=name)["success"] is False
        running = client.begin_execute(connection_id, "select pg_sleep(20)")
        until(lambda: databases.sleepers("canary"))
        running.cancel()
        until(lambda: not databases.sleepers("canary"))
        for role in ("executor", "vault"):
            pid = system.kill(role)
            system.wait_until_replaced(role, pid)
            client.execute(connection_id, "select 1")
        spare = client.connect("canary")
        client.call("disconnect_storage", connection_id=spare)
        # One connection stays open: most is to be found where something is in use.
        client.execute(connection_id, "select 1")


def test_after_all_that_can_happen_the_password_and_its_derivatives_are_nowhere(
    system: System, databases: Databases
) -> None:
    live_through_everything(system, databases)

    for name in ("canary", "wrong", "nowhere"):
        report = assert_nowhere(
            suspects(system),
            databases.passwords[name].encode(),
            extra=derivatives(databases, name),
            directories=[system.run_dir, system.directory],
        )
        assert all("secretmem" in gap.where for gap in report.unscanned), report.unscanned


def test_the_scan_finds_the_password_where_it_is_planted(
    system: System, databases: Databases
) -> None:
    planted = system.directory / "planted"
    planted.write_text(databases.passwords["canary"])

    with pytest.raises(AssertionError, match="not proved absent"):
        assert_nowhere(
            suspects(system),
            databases.passwords["canary"].encode(),
            directories=[system.directory],
        )
    planted.unlink()


def test_credentials_brought_to_a_running_system_are_thrown_away(
    system: System, databases: Databases
) -> None:
    configuration = system.directory / "strongroom.json"
    with McpClient.stdio(
        str(system.run_dir), options=["--config", str(configuration)], env=system.environment()
    ) as client:
        client.execute(client.connect("canary"), "select 1")
        console = [Suspect(pid=pid, role="console") for pid in find_commands("stdio")]
        assert console
        assert_nowhere(console, databases.passwords["canary"].encode())


def test_a_client_on_standard_streams_gets_no_password_either(
    databases: Databases, short_dir: Path
) -> None:
    configuration = short_dir / "strongroom.json"
    configuration.write_text(json.dumps({"connections": databases.connections}))
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        databases.variable("canary"): databases.environment[databases.variable("canary")],
        databases.variable("nowhere"): databases.environment[databases.variable("nowhere")],
        "WRONG_ON_PURPOSE": "a:b",
    }
    run_dir = short_dir / "run"

    with McpClient.stdio(
        str(run_dir), options=["--config", str(configuration)], env=environment
    ) as client:
        client.execute(client.connect("canary"), "select 1")
        running = fetch_status(run_dir).processes
        console = [Suspect(pid=pid, role="console") for pid in find_commands("console")]
        assert console
        assert_nowhere(
            [*console, *(Suspect(pid=one.pid, role=one.role) for one in running)],
            databases.passwords["canary"].encode(),
            directories=[run_dir],
        )
