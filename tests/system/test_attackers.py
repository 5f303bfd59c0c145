"""What an attacker's client gets: nothing."""

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.harness.clients import McpClient, fault_of
from tests.harness.databases import Databases
from tests.harness.system import System
from tests.harness.waiting import until


@pytest.fixture
def client(system: System) -> Iterator[McpClient]:
    with McpClient.http(system) as made:
        yield made


@pytest.fixture
def other(system: System) -> Iterator[McpClient]:
    """Another principal: whoever owns the run directory, on standard streams."""
    with McpClient.stdio(str(system.run_dir), env=system.environment()) as made:
        yield made


def answer_to(client: McpClient, connection_id: str) -> dict[str, object]:
    answers = [
        client.execute(connection_id, "select 1"),
        client.call("disconnect_storage", connection_id=connection_id),
    ]
    assert answers[0] == answers[1]
    return answers[0]


def test_somebody_elses_id_is_worth_as_much_as_one_that_never_was(
    client: McpClient, other: McpClient
) -> None:
    foreign = client.connect("writer")
    assert client.execute(foreign, "select 1")["success"] is True

    stolen = answer_to(other, foreign)
    invented = answer_to(other, secrets.token_urlsafe(32))
    malformed = answer_to(other, "x' or 1=1 --")

    assert stolen == invented == malformed
    assert stolen["error"] == "Invalid connection ID"
    assert client.execute(foreign, "select 1")["success"] is True


def test_a_revoked_id_is_worth_nothing(client: McpClient) -> None:
    connection_id = client.connect("writer")
    client.call("disconnect_storage", connection_id=connection_id)

    assert answer_to(client, connection_id)["error"] == "Invalid connection ID"


@pytest.mark.parametrize("limit", ["leaseIdleSeconds", "leaseSeconds"])
def test_an_expired_id_is_worth_nothing_and_its_sessions_are_gone(
    databases: Databases, limit: str
) -> None:
    with (
        System(
            configuration={"connections": databases.connections, "limits": {limit: 1}},
            credentials=databases.environment,
        ) as system,
        McpClient.http(system) as client,
        McpClient.stdio(str(system.run_dir), env=system.environment()) as other,
    ):
        connection_id = client.connect("reader")
        assert client.execute(connection_id, "select 1")["success"] is True

        until(lambda: not databases.sessions("reader"), within_s=10)

        assert fault_of(answer_to(client, connection_id))["code"] == "connection_expired"
        assert answer_to(other, connection_id)["error"] == "Invalid connection ID"


@pytest.mark.parametrize("token", [None, "wrong", "Bearer"])
def test_without_the_token_nobody_is_let_in(system: System, token: str | None) -> None:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    answer = httpx2.post(system.url, headers=headers, json={}, trust_env=False)

    assert answer.status_code == 401


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_a_web_page_cannot_reach_the_port_under_another_name(
    system: System, headers: dict[str, str]
) -> None:
    allowed = {"Authorization": f"Bearer {system.token}"}

    answer = httpx2.post(system.url, headers={**allowed, **headers}, json={}, trust_env=False)

    assert answer.status_code in {403, 421}


def test_folders_planted_in_the_working_directory_are_not_imported(
    databases: Databases, tmp_path: Path
) -> None:
    for package in ("broker", "console", "executor", "supervisor", "vault", "wire"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(
            f"open({str(tmp_path / 'ran')!r}, 'w').close()"
        )

    with (
        System(
            configuration={"connections": databases.connections},
            credentials=databases.environment,
            command=("env", "-C", str(tmp_path), sys.executable, "-P", "-m", "console", "up"),
        ) as system,
        McpClient.http(system) as client,
    ):
        assert client.execute(client.connect("reader"), "select 1 as n")["rows"] == [{"n": 1}]

    assert not (tmp_path / "ran").exists()


def test_the_run_directory_lets_nobody_else_in(system: System) -> None:
    modes = {
        path.name: path.stat().st_mode & 0o777
        for path in [system.run_dir, system.run_dir / "token", system.run_dir / "control.sock"]
    }

    assert modes["run"] == 0o711
    assert modes["token"] == 0o600
    assert modes["control.sock"] & 0o077 == 0
    assert system.run_dir.stat().st_uid == os.getuid()


def test_an_argument_that_is_wrong_is_named_and_not_echoed(client: McpClient) -> None:
    connection_id = client.connect("reader")

    answer = client.call(
        "execute_query", connection_id=connection_id, query="select 1", params=["canary-77"]
    )

    assert fault_of(answer)["code"] == "invalid_arguments"
    assert "params" in str(answer["error"])
    assert "canary-77" not in str(answer)
