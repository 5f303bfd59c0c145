import json
import os
import secrets
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from broker.__main__ import main
from tests.unit.broker.gateway_process import REPOSITORY, GatewayProcess, listening_socket
from tests.unit.broker.serving import MODERN_VERSION, part, tool_call
from tests.unit.broker.standin_router import ID, StandInRouter, silent
from wire.control import RouterLost
from wire.messages import Execute

EXECUTE = {"connection_id": ID, "query": "select 1"}


def http_settings(port: int) -> dict[str, object]:
    return {"mode": "http", "listen_hosts": ["127.0.0.1"], "port": port}


def list_connections(port: int) -> dict[str, object]:
    return post_call(port, "list_connections", {})


def post_call(port: int, name: str, arguments: object) -> dict[str, object]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/mcp",
        data=json.dumps(tool_call(name, arguments, version=MODERN_VERSION)).encode(),
        headers={
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": MODERN_VERSION,
            "mcp-method": "tools/call",
            "mcp-name": name,
        },
    )
    with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - our own gateway
        assert response.headers["server"] is None
        return dict(json.load(response)["result"]["structuredContent"])


def test_a_gateway_that_said_ready_serves_until_it_is_told_to_finish() -> None:
    with StandInRouter() as first, StandInRouter() as second, listening_socket() as listening:
        port = listening.getsockname()[1]
        with GatewayProcess(http_settings(port), [listening.fileno()]) as gateway:
            gateway.use_router(first.endpoint, first.public_key)
            before = list_connections(port)
            gateway.tell(RouterLost())
            gateway.use_router(second.endpoint, second.public_key)

            after = list_connections(port)

            assert before["success"] is after["success"] is True
            assert gateway.finish() == 0


def test_a_second_gateway_on_the_same_port_goes_on_when_the_first_ends() -> None:
    with StandInRouter() as router, listening_socket() as listening:
        port = listening.getsockname()[1]
        with GatewayProcess(http_settings(port), [listening.fileno()]) as first:
            first.finish()
        with GatewayProcess(http_settings(port), [listening.fileno()]) as second:
            second.use_router(router.endpoint, router.public_key)

            assert list_connections(port)["success"] is True
            assert second.finish() == 0


def test_what_runs_when_the_end_comes_is_told_that_its_outcome_is_unknown() -> None:
    with (
        StandInRouter(silent) as router,
        listening_socket() as listening,
        ThreadPoolExecutor(1) as client,
    ):
        port = listening.getsockname()[1]
        with GatewayProcess(http_settings(port), [listening.fileno()]) as gateway:
            gateway.use_router(router.endpoint, router.public_key)
            answer = client.submit(post_call, port, "execute_query", EXECUTE)
            router.next_of(Execute)

            code = gateway.finish()

            fault = {"code": "outcome_unknown", "may_have_run": True}
            told = part(answer.result(), "fault")
            assert isinstance(told, dict)
            assert fault.items() <= told.items()
            assert code == 0


def test_a_stdio_gateway_ends_well_when_its_client_closes_its_end() -> None:
    theirs, ours = os.pipe()
    settings: dict[str, object] = {"mode": "stdio", "principal": "uid:1000"}
    with GatewayProcess(settings, [theirs, 2]) as gateway:
        os.close(theirs)
        os.close(ours)

        assert gateway.wait() == 0


def test_a_gateway_ends_with_its_supervisor() -> None:
    with listening_socket() as listening:
        settings = http_settings(listening.getsockname()[1])
        with GatewayProcess(settings, [listening.fileno()]) as gateway:
            assert gateway.vanish() == 0


def test_a_gateway_loads_no_driver_and_no_engine() -> None:
    program = (
        "import sys, broker.gateway\n"
        "print(*{'sqlalchemy', 'psycopg', 'vault', 'executor', 'supervisor'} & set(sys.modules))"
    )
    read, write = os.pipe()
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-c", program],
        {"PYTHONPATH": str(REPOSITORY)},
        file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)],
    )
    os.close(write)
    with os.fdopen(read) as output:
        assert output.read().split() == []
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize("arguments", [[], ["vault"], ["gateway", secrets.token_hex(2)]])
def test_another_role_than_the_brokers_is_a_usage_error(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="usage"):
        main(arguments)
