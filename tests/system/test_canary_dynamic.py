"""A password that comes with a call is nowhere, however it was sent and whatever became of it."""

import json
import os
import secrets
import socket
from collections.abc import Iterator

import pytest

from console.scan.report import Suspect
from tests.harness.clients import McpClient
from tests.harness.databases import Databases
from tests.harness.memory import assert_nowhere
from tests.harness.postgres import PostgresServer
from tests.harness.raw_calls import (
    LEGACY,
    MODERN,
    Way,
    a_stdio_client,
    call_text,
    head_of,
    send_http,
)
from tests.harness.system import System

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="reading other processes needs root")

WAYS = [
    Way(version=MODERN),
    Way(version=LEGACY),
    Way(version=MODERN, plain=False),
    Way(version=LEGACY, plain=False),
    Way(spelling="ascii"),
    Way(spelling="escaped"),
    Way(version=LEGACY, spelling="escaped", plain=False),
    Way(chunk_bytes=7),
    Way(chunk_bytes=1000, segment_bytes=100),
    Way(segment_bytes=11),
    Way(segment_bytes=5, spelling="ascii", version=LEGACY),
]
BROKEN = [
    Way(cut_bytes=1),
    Way(cut_bytes=60),
    Way(cut_bytes=60, chunk_bytes=9),
    Way(token=False),
    Way(token=False, chunk_bytes=50, segment_bytes=60),
]
LATER_CALLS = 300
NAMES = ("odd", "random", "short")


@pytest.fixture(scope="module")
def databases(postgres: PostgresServer) -> Databases:
    made = Databases(postgres)
    made.add("named")
    made.add("odd")
    made.add("random", password=secrets.token_urlsafe(24))
    made.add("short", password=secrets.token_urlsafe(9))
    return made


@pytest.fixture(scope="module", params=["accept", "refuse"])
def system(databases: Databases, request: pytest.FixtureRequest) -> Iterator[System]:
    with System(
        configuration={
            "connections": {"named": databases.connections["named"]},
            "plaintextPasswords": request.param,
        },
        credentials={databases.variable("named"): databases.environment["NAMED_WORDS"]},
    ) as running:
        yield running


def storage(databases: Databases, name: str, **change: object) -> dict[str, object]:
    """Return the arguments of connect_storage for that account."""
    return {
        "storage_type": "postgresql",
        "host": "127.0.0.1",
        "port": databases.server.port,
        "database": "postgres",
        "username": databases.role(name),
        "password": databases.passwords[name],
        **change,
    }


def misspelled(fields: dict[str, object]) -> list[str]:
    """Return what somebody may send who means a call of connect_storage."""
    secret = str(fields["password"])
    good = call_text(fields, Way())
    by_name = json.dumps({"connect_storage": fields})
    inner = {**fields, "password": "", "username": f"u:{secret}"}
    return [
        good.replace('"', "'"),
        f"connect_storage {json.dumps(fields)}",
        good.encode("utf-16-be").decode("latin-1"),
        f'{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{by_name}}}',
        f'{{"jsonrpc":"2.0","id":7,"method":"tools/connect_storage","params":{json.dumps(fields)}}}',
        call_text({**inner, "host": f"postgres://u:{secret}@127.0.0.1"}, Way()),
        call_text({**inner, "database": f"password={secret}"}, Way()),
    ]


def suspects(system: System, *roles: str) -> list[Suspect]:
    return [
        Suspect(pid=process.pid, role=process.role)
        for process in system.status().processes
        if not roles or process.role in roles
    ]


def accepts(system: System) -> bool:
    return system.configuration["plaintextPasswords"] == "accept"


def expected(system: System) -> bytes:
    return b'"success":true' if accepts(system) else b'"code":"plaintext_refused"'


def assert_gone(system: System, databases: Databases, *roles: str) -> None:
    """Scan for all of them at once."""
    first, *others = NAMES
    extra = [(name, databases.passwords[name].encode()) for name in others]
    for name in NAMES:
        extra += [(f"{name} {kind}", key) for kind, key in databases.derivatives(name)]
    report = assert_nowhere(
        suspects(system, *roles),
        databases.passwords[first].encode(),
        extra=extra,
        directories=[system.run_dir, system.directory],
    )
    assert all("secretmem" in gap.where for gap in report.unscanned), report.unscanned


@pytest.mark.timeout(180)
def test_over_http_it_is_nowhere_right_after_the_answer_nor_later(
    system: System, databases: Databases
) -> None:
    for way in WAYS:
        for name in NAMES:
            answer = send_http(system, call_text(storage(databases, name), way), way)
            assert expected(system) in answer.replace(b'\\"', b'"'), (way, answer)
        assert_gone(system, databases, "gateway")
    for way in BROKEN:
        for name in NAMES:
            send_http(system, call_text(storage(databases, name), way), way)
        assert_gone(system, databases, "gateway")

    with McpClient.http(system) as client:
        connection_id = client.connect("named")
        for _ in range(LATER_CALLS):
            client.execute(connection_id, "select 1")
    assert_gone(system, databases)


def test_what_is_refused_unread_is_gone_while_its_connection_stays_open(
    system: System, databases: Databases
) -> None:
    way = Way(content_type="text/plain", keep_alive=True)
    body = call_text(storage(databases, "odd"), way).encode()

    with socket.create_connection(("127.0.0.1", system.port)) as link:
        link.sendall(head_of(system, body, way) + body)
        assert link.recv(1 << 16).startswith(b"HTTP/1.1 415 ")

        assert_gone(system, databases, "gateway")


@pytest.mark.timeout(180)
def test_what_is_wrong_with_a_call_leaves_nothing_of_it_either(
    system: System, databases: Databases
) -> None:
    secret = databases.passwords["odd"]
    wrong: list[dict[str, object]] = [
        {"password": [secret]},
        {"password": {secret: secret}},
        {"pasword": secret, "password": ""},
        {"password": secret, "storage_type": "sqlite"},
        {"password": secret, "storage_type": "mysql", "port": 1},
        {"password": secret, "host": "169.254.169.254"},
        {"password": secret, "port": "5432"},
        {"password": secret * 60},
        {"password": f"{secret}\0"},
    ]
    for change in wrong:
        for version in (MODERN, LEGACY):
            way = Way(version=version)
            fields = storage(databases, "odd", **change)
            members = ",".join(f"{json.dumps(n)}:{json.dumps(v)}" for n, v in fields.items())
            text = call_text({}, way).replace('"arguments":{}', f'"arguments":{{{members}}}')
            answer = send_http(system, text, way)
            assert b'"success":true' not in answer.replace(b'\\"', b'"'), answer
    for tool in ("connect_storage ", "connect_storagé", "Connect_storage"):
        for version in (MODERN, LEGACY):
            way = Way(version=version)
            fields = storage(databases, "odd", host="connect_storage")
            send_http(system, call_text(fields, way, tool=tool), way)
    for name in NAMES:
        for text in misspelled(storage(databases, name)):
            send_http(system, text, Way())
    assert_gone(system, databases)


@pytest.mark.timeout(180)
def test_over_standard_streams_it_is_nowhere_right_after_the_answer_nor_later(
    system: System, databases: Databases
) -> None:
    with a_stdio_client(system) as asked:
        for name in NAMES:
            for way in (way for way in WAYS if way.version == MODERN):
                answer = asked(call_text(storage(databases, name), way))
                assert expected(system) in json.dumps(answer, separators=(",", ":")).encode()
        asked(call_text(storage(databases, "odd"), Way())[:-1])
        assert_gone(system, databases)
        for text in misspelled(storage(databases, "random")):
            asked(text)
            assert_gone(system, databases, "gateway")

        for _ in range(LATER_CALLS):
            asked(call_text({}, Way(), tool="list_connections"))
        assert_gone(system, databases)


def test_the_scan_finds_a_password_that_a_gateway_holds(
    system: System, databases: Databases
) -> None:
    """The same password as a value of another tool, whose arguments nobody cuts."""
    word = databases.passwords["random"]
    with McpClient.http(system) as client:
        connection_id = client.connect("named")
        running = client.begin(
            "execute_query",
            {
                "connection_id": connection_id,
                "query": "select pg_sleep(5), :word",
                "params": {"word": word},
            },
        )
        try:
            with pytest.raises(AssertionError, match="not proved absent"):
                assert_gone(system, databases, "gateway", "router", "executor")
        finally:
            running.cancel()
