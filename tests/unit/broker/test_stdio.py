import asyncio
import fcntl
import json
import os
import sys

import pytest
from mcp import Client, StdioServerParameters

from broker.streams import LINE_MAX_BYTES, LineReader
from broker.wiped import Wiped
from tests.unit.broker.gateway_process import REPOSITORY
from tests.unit.broker.serving import MODERN_META, MODERN_VERSION, part, tool_call
from tests.unit.broker.standin_router import ID, StandInRouter, silent
from tests.unit.broker.stdio_client import WITHIN_S, a_client
from wire.messages import Cancel, Execute
from wire.results import success

EXECUTE = {"connection_id": ID, "query": "select 1"}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_sdks_client_is_served_over_stdio_in_both_eras(mode: str) -> None:
    async def run() -> None:
        with StandInRouter() as router:
            command = StdioServerParameters(
                command=sys.executable,
                args=[
                    "-m",
                    "tests.unit.broker.gateway_process",
                    router.endpoint,
                    router.public_key.decode(),
                ],
                cwd=REPOSITORY,
            )
            async with Client(command, mode=mode) as client:
                listed = await client.list_tools()
                ran = await client.call_tool("execute_query", dict(EXECUTE))

            assert "execute_query" in [tool.name for tool in listed.tools]
            assert ran.structured_content["row_count"] == 1
            message, _ = router.next_of(Execute)
            assert isinstance(message, Execute)
            assert message.principal == "uid:1000"

    asyncio.run(run())


@pytest.mark.parametrize(
    "line",
    [
        b"connect_storage hunter2",
        b"{'name':'connect_storage','password':'hunter2'}",
        '{"name":"connect_storage","password":"hunter2"}'.encode("utf-16-be"),
        json.dumps({"jsonrpc": "2.0", "id": 7, "method": "hunter2"}).encode(),
        json.dumps(tool_call("list_connections", {}, version=MODERN_VERSION)).encode(),
    ],
)
def test_nothing_of_a_line_is_left_while_the_next_one_is_waited_for(
    line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[Wiped] = []
    read = LineReader.read

    async def kept(reader: LineReader) -> Wiped | None:
        found = await read(reader)
        lines.extend([] if found is None else [found])
        return found

    async def run() -> None:
        with StandInRouter() as router:
            async with a_client(router) as client:
                await client.send(line)
                await client.receive()

                assert [bytes(one) for one in lines] == [bytes(len(line))]

    monkeypatch.setattr(LineReader, "read", kept)
    asyncio.run(run())


def test_a_result_is_written_as_it_came_with_what_the_sdk_adds() -> None:
    async def run() -> None:
        payload = success({"rows": [{"n": 1}]}).replace(b'"n":1', b'"n":0.10000000000000000555')
        with StandInRouter(lambda *_: payload) as router:
            async with a_client(router) as client:
                await client.send(tool_call("execute_query", EXECUTE, version=MODERN_VERSION))
                line = await asyncio.wait_for(client.reader.readline(), WITHIN_S)

        result = json.loads(line)["result"]
        assert payload[:-1] in line
        assert result["resultType"] == "complete"
        assert list(result["_meta"]) == ["io.modelcontextprotocol/serverInfo"]

    asyncio.run(run())


def test_a_legacy_result_has_nothing_of_the_other_era() -> None:
    async def run() -> None:
        with StandInRouter() as router:
            async with a_client(router) as client:
                await client.initialize()
                await client.send(tool_call("execute_query", EXECUTE, version="2025-11-25"))
                answer = await client.receive()

        result = part(answer, "result")
        assert isinstance(result, dict)
        assert set(result) == {"content", "structuredContent", "isError"}

    asyncio.run(run())


def test_a_result_of_many_megabytes_comes_whole() -> None:
    async def run() -> None:
        payload = success({"rows": [{"text": "x" * (3 << 20)}]})
        with StandInRouter(lambda *_: payload) as router:
            async with a_client(router) as client:
                await client.send(tool_call("execute_query", EXECUTE, version=MODERN_VERSION))
                line = await asyncio.wait_for(client.reader.readline(), WITHIN_S)

        assert payload[:-1] in line

    asyncio.run(run())


@pytest.mark.parametrize("version", [MODERN_VERSION, "2025-11-25"])
def test_a_cancelled_notification_cancels_the_statement(version: str) -> None:
    async def run() -> None:
        with StandInRouter(silent) as router:
            async with a_client(router) as client:
                if version != MODERN_VERSION:
                    await client.initialize()
                await client.send(tool_call("execute_query", EXECUTE, version=version))
                await asyncio.to_thread(router.next_of, Execute)

                await client.send(
                    {
                        "jsonrpc": "2.0",
                        "method": "notifications/cancelled",
                        "params": {"requestId": 7},
                    }
                )

                await asyncio.to_thread(router.next_of, Cancel)

    asyncio.run(run())


def test_the_end_of_stdin_cancels_what_runs_and_ends_the_serving() -> None:
    async def run() -> None:
        with StandInRouter(silent) as router:
            async with a_client(router) as client:
                await client.send(tool_call("execute_query", EXECUTE, version=MODERN_VERSION))
                await asyncio.to_thread(router.next_of, Execute)

                os.close(client.to_gateway)

                await asyncio.wait_for(client.serving, WITHIN_S)
                await asyncio.to_thread(router.next_of, Cancel)

    asyncio.run(run())


CANARY = "pä55wörd"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"nope", -32700),
        (b"\xff\xfe\x00", -32700),
        (b"[]", -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":7}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\xff"}}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"\xff":1}}', -32600),
        (b"x" * (LINE_MAX_BYTES + 1), -32600),
    ],
    ids=["not JSON", "binary", "batch", "no params", "not UTF-8", "key not UTF-8", "too long"],
)
def test_a_line_that_is_no_message_gets_an_error_and_the_next_one_is_served(
    line: bytes, code: int
) -> None:
    async def run() -> None:
        ping = tool_call("list_connections", {}, version=MODERN_VERSION)
        with StandInRouter() as router:
            async with a_client(router) as client:
                await client.send(line + CANARY.encode() if code == -32700 else line, b"", ping)
                first, second = await client.receive(), await client.receive()

        assert part(first, "error", "code") == code
        assert first["id"] is None
        assert CANARY not in json.dumps(first, ensure_ascii=False)
        assert second["id"] == 7

    asyncio.run(run())


def test_a_call_without_params_is_refused_over_stdio_and_the_next_one_is_served() -> None:
    async def run() -> None:
        null = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": None}
        with StandInRouter() as router:
            async with a_client(router) as client:
                await client.initialize()
                await client.send(null)
                first = await client.receive()
                await client.send(tool_call("list_connections", {}, version="2025-11-25"))
                second = await client.receive()

        assert (first["id"], part(first, "error", "code")) == (1, -32602)
        assert second["id"] == 7

    asyncio.run(run())


@pytest.mark.parametrize("name", ["no_such_tool", "connect_storage"])
def test_what_is_refused_over_stdio_quotes_no_argument(name: str) -> None:
    async def run() -> None:
        arguments = {"password": CANARY, CANARY: 1}
        with StandInRouter() as router:
            async with a_client(router) as client:
                await client.send(tool_call(name, arguments, version=MODERN_VERSION))
                answer = await client.receive()

        assert CANARY not in json.dumps(answer, ensure_ascii=False)

    asyncio.run(run())


@pytest.mark.parametrize("version", [MODERN_VERSION, "2025-11-25"])
@pytest.mark.parametrize("method", [CANARY, "tools/list", "initialize", "resources/read"])
def test_no_error_over_stdio_quotes_a_method_or_a_parameter(version: str, method: str) -> None:
    async def run() -> None:
        meta = {**MODERN_META, "io.modelcontextprotocol/protocolVersion": CANARY}
        params = {"cursor": {CANARY: 1}, "uri": CANARY, "protocolVersion": CANARY}
        bodies = [
            {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, **more}}
            for more in ({}, {"_meta": meta}, {"_meta": MODERN_META})
        ]
        with StandInRouter() as router:
            async with a_client(router) as client:
                if version == MODERN_VERSION:
                    await client.send(tool_call("list_connections", {}, version=version))
                    await client.receive()
                else:
                    await client.initialize()
                await client.send(*bodies)
                answers = [await client.receive() for _ in bodies]

        errors = [answer for answer in answers if "error" in answer]
        assert errors
        assert CANARY not in json.dumps(errors, ensure_ascii=False)

    asyncio.run(run())


def test_the_descriptors_keep_the_flags_that_their_owner_gave_them() -> None:
    async def run() -> None:
        with StandInRouter() as router:
            async with a_client(router) as client:
                flags = fcntl.fcntl(client.to_gateway, fcntl.F_GETFL)
                body = tool_call("list_connections", {}, version=MODERN_VERSION)
                await client.send(body)
                await client.receive()

                assert fcntl.fcntl(client.to_gateway, fcntl.F_GETFL) == flags
                assert not flags & os.O_NONBLOCK

    asyncio.run(run())


def test_the_modern_meta_of_the_tests_is_what_a_client_sends() -> None:
    assert MODERN_META["io.modelcontextprotocol/protocolVersion"] == MODERN_VERSION
