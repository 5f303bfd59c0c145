"""A connection that accepts MD5: it works, and what it is made of is in no process afterwards."""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from console.scan.needles import Extra
from console.scan.report import Suspect
from tests.harness.clients import McpClient
from tests.harness.memory import assert_nowhere
from tests.harness.postgres import PostgresServer
from tests.harness.recording import Recording, recorded
from tests.harness.system import System
from tests.harness.waiting import until


@dataclass
class Role:
    """A user of old, whose password its server stores as MD5."""

    name: str
    password: str

    def derivatives(self, recording: Recording) -> list[Extra]:
        """Return what the server stores, and each answer that it was sent; their hex counts too."""
        inner = hashlib.md5(f"{self.password}{self.name}".encode(), usedforsecurity=False)
        answers = set(re.findall(rb"md5([0-9a-f]{32})\0", recording.from_clients))
        assert answers
        return [
            ("stored hash", inner.digest()),
            *((f"answer {n}", bytes.fromhex(one.decode())) for n, one in enumerate(answers)),
        ]


@pytest.fixture(scope="module")
def recording() -> Iterator[tuple[Role, Recording]]:
    role = Role("old", f":@/%'\"\\é{secrets.token_urlsafe(12)}")
    with PostgresServer(rules=("host all +by_md5 127.0.0.1/32 md5",)) as server:
        server.admin_sql("create role by_md5 nologin")
        server.create_md5_role(role.name, role.password, in_role="by_md5")
        with recorded(server.host, server.port) as made:
            yield role, made


@pytest.fixture(scope="module")
def system(recording: tuple[Role, Recording]) -> Iterator[System]:
    role, made = recording
    old = {
        "type": "postgresql",
        "host": "127.0.0.1",
        "port": made.port,
        "database": "postgres",
        "credentialsEnv": "OLD_WORDS",
    }
    with System(
        configuration={"connections": {"old": {**old, "auth": "md5"}, "strict": old}},
        credentials={"OLD_WORDS": f"{role.name}:{role.password}"},
    ) as running:
        yield running


def test_a_server_of_old_is_used_where_its_connection_says_so_and_refused_elsewhere(
    system: System,
) -> None:
    with McpClient.http(system) as client:
        worked = client.execute(client.connect("old"), "select current_user as me")
        refused = client.call("connect_named_storage", connection_name="strict")

    assert worked["rows"] == [{"me": "old"}]
    assert refused["success"] is False
    assert refused["error"] == "Login failed"
    assert isinstance(refused["fault"], dict)
    assert refused["fault"]["code"] == "login_failed"
    assert "md5" not in str(refused).lower()


def test_the_log_says_what_the_server_asked_for_and_what_would_allow_it(system: System) -> None:
    with McpClient.http(system) as client:
        client.call("connect_named_storage", connection_name="strict")

    line, *_ = until(lambda: system.events(event="login_failed"))
    assert "asks for MD5, which is weaker than this connection allows" in str(line["sentence"])
    assert '"auth": "md5"' in str(line["sentence"])


@pytest.mark.skipif(os.geteuid() != 0, reason="reading other processes needs root")
def test_neither_password_nor_stored_hash_nor_answer_is_in_any_process(
    system: System, recording: tuple[Role, Recording]
) -> None:
    role, made = recording
    with McpClient.http(system) as client:
        connection_id = client.connect("old")
        for n in range(5):
            client.execute(connection_id, "select :n as n", n=n)
        vault = system.kill("vault")
        system.wait_until_replaced("vault", vault)
        executor = system.kill("executor")
        system.wait_until_replaced("executor", executor)
        client.execute(connection_id, "select 1")

        report = assert_nowhere(
            [Suspect(pid=one.pid, role=one.role) for one in system.status().processes],
            role.password.encode(),
            extra=role.derivatives(made),
            directories=[system.run_dir, system.directory],
        )

    assert all("secretmem" in gap.where for gap in report.unscanned), report.unscanned
