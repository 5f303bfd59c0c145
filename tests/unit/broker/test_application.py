import asyncio
import json

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from broker.catalogue import tools
from tests.unit.broker.serving import (
    MODERN_VERSION,
    a_gateway,
    answered,
    era_headers,
    tool_call,
)
from tests.unit.broker.standin_router import ID, StandInRouter, silent
from wire.messages import Cancel, Execute
from wire.results import success

ERAS = [MODERN_VERSION, "2025-11-25", "2025-06-18"]
EXECUTE = {"connection_id": ID, "query": "select :n", "params": {"n": 1}}
CALLS = [
    ("list_connections", {}),
    ("connect_named_storage", {"connection_name": "demo"}),
    ("execute_query", EXECUTE),
    ("execute_query", {"connection_id": ID}),
    ("execute_query", {"connection_id": "no such", "query": "select 1"}),
    ("disconnect_storage", {"connection_id": ID}),
    ("connect_storage", {"password": "hunter2"}),
]


def text_of(result: CallToolResult) -> object:
    """Return the JSON of a result's one text."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return json.loads(content.text)


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_a_plain_call_is_answered_beside_the_sdk_exactly_as_the_sdk_would(
    version: str, name: str, arguments: dict[str, object]
) -> None:
    async def run() -> None:
        with StandInRouter() as router:
            async with a_gateway(router) as gateway:
                ours = await gateway.call(name, arguments, version=version)
                beside = list(gateway.sdk_calls)
                oracle = await gateway.call(name, arguments, version=version, plain=False)

            assert (beside, gateway.sdk_calls) == ([], ["/mcp"])
            assert ours.status_code == oracle.status_code == 200
            assert answered(ours) == answered(oracle)

    asyncio.run(run())


def test_a_progress_token_and_a_client_info_stay_beside_the_sdk() -> None:
    async def run() -> None:
        info = {"name": "a client", "version": "1"}
        meta = {"progressToken": 3, "io.modelcontextprotocol/clientInfo": info}
        with StandInRouter() as router:
            async with a_gateway(router) as gateway:
                ours = await gateway.call(*CALLS[2], version=MODERN_VERSION, meta=dict(meta))
                beside = list(gateway.sdk_calls)
                oracle = await gateway.call(
                    *CALLS[2], version=MODERN_VERSION, meta=dict(meta), plain=False
                )

            assert (beside, gateway.sdk_calls) == ([], ["/mcp"])
            assert answered(ours) == answered(oracle)

    asyncio.run(run())


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_sdks_client_is_served_in_both_eras_and_its_schemas_hold(mode: str) -> None:
    async def run() -> None:
        with StandInRouter() as router:
            async with (
                a_gateway(router) as gateway,
                Client(gateway.transport(), mode=mode) as client,
            ):
                names = [tool.name for tool in (await client.list_tools()).tools]
                listed = await client.call_tool("list_connections", {})
                connected = await client.call_tool(
                    "connect_named_storage", {"connection_name": "demo"}
                )
                ran = await client.call_tool("execute_query", dict(EXECUTE))
                wrong = await client.call_tool("execute_query", {"connection_id": ID})

            assert names == [tool.name for tool in tools()]
            assert listed.structured_content["connections"][0]["name"] == "demo"
            assert connected.structured_content["connection_id"] == ID
            assert ran.structured_content["rows"] == [{"n": 1, "€": "ü\\\"'\n"}]
            assert text_of(ran) == ran.structured_content
            assert wrong.is_error
            assert wrong.structured_content["fault"]["code"] == "invalid_arguments"

    asyncio.run(run())


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_every_answer_fits_the_schema_that_its_tool_announces(
    name: str, arguments: dict[str, object]
) -> None:
    async def run() -> None:
        with StandInRouter() as router:
            async with a_gateway(router) as gateway, Client(gateway.transport()) as client:
                await client.list_tools()

                result = await client.call_tool(name, arguments)

            assert text_of(result) == result.structured_content

    asyncio.run(run())


def test_the_sdks_client_refuses_an_answer_that_does_not_fit() -> None:
    async def run() -> None:
        with StandInRouter(lambda *_: success({})) as router:
            async with a_gateway(router) as gateway, Client(gateway.transport()) as client:
                await client.list_tools()

                with pytest.raises(RuntimeError, match="Invalid structured content"):
                    await client.call_tool("list_connections", {})

    asyncio.run(run())


def test_the_router_gets_the_clients_own_bytes() -> None:
    async def run() -> None:
        arguments = b'{"query":"select :x","connection_id":"%s","params":{"x":0.30}}' % ID.encode()
        body = json.dumps(tool_call("execute_query", None, version=MODERN_VERSION)).encode()
        with StandInRouter() as router:
            async with a_gateway(router) as gateway:
                await gateway.post(
                    body.replace(b'"arguments": null', b'"arguments":' + arguments),
                    **era_headers("execute_query", MODERN_VERSION),
                )

            assert router.next_of(Execute)[1] == arguments

    asyncio.run(run())


@pytest.mark.parametrize("plain", [True, False], ids=["beside the SDK", "through the SDK"])
@pytest.mark.parametrize("version", ERAS)
def test_a_client_that_goes_away_cancels_its_request(version: str, *, plain: bool) -> None:
    async def run() -> None:
        with StandInRouter(silent) as router:
            async with a_gateway(router) as gateway:
                waiting = asyncio.create_task(
                    gateway.call("execute_query", EXECUTE, version=version, plain=plain)
                )
                asked, _ = await asyncio.to_thread(router.next_of, Execute)
                assert gateway.sdk_calls == ([] if plain else ["/mcp"])

                waiting.cancel()

                cancel, _ = await asyncio.to_thread(router.next_of, Cancel)
                assert isinstance(asked, Execute)
                assert isinstance(cancel, Cancel)
                assert cancel.request_id == asked.request_id

    asyncio.run(run())
