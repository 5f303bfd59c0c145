import asyncio
import json

import pytest

from tests.unit.broker.serving import (
    MODERN_META,
    MODERN_VERSION,
    a_gateway,
    answered,
    era_headers,
    part,
    tool_call,
)
from tests.unit.broker.standin_router import ID, StandInRouter

ERAS = [MODERN_VERSION, "2025-11-25", "2025-06-18"]
CANARY = "pä55:@/%' \"\\wörd"

MALFORMED = [
    pytest.param(b"", -32700, id="empty"),
    pytest.param(b"\x00\xff\xfe", -32700, id="binary"),
    pytest.param(CANARY.encode(), -32700, id="not JSON"),
    pytest.param(
        b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":' + b"[" * 200_000, -32700, id="deep"
    ),
    pytest.param(
        b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":' + b"9" * 5000 + b"}}",
        -32700,
        id="endless number",
    ),
    pytest.param(b"[]", -32600, id="batch"),
    pytest.param(json.dumps({"canary": CANARY}).encode(), -32600, id="not JSON-RPC"),
    pytest.param(
        json.dumps({"jsonrpc": "2.0", "id": None, "method": CANARY}).encode(), -32600, id="null id"
    ),
    pytest.param(
        json.dumps({"jsonrpc": "2.0", "id": 1.5, "method": CANARY}).encode(),
        -32600,
        id="fractional id",
    ),
    pytest.param(
        json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"x": CANARY}}).encode(),
        -32600,
        id="a response",
    ),
    pytest.param(
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "x", "params": [CANARY]}).encode(),
        -32600,
        id="params that are a list",
    ),
    pytest.param(
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"pa55w\xf6rd\xff":1}}',
        -32600,
        id="a key that is not UTF-8",
    ),
]


@pytest.mark.parametrize("version", [MODERN_VERSION, "2025-11-25"])
@pytest.mark.parametrize(("body", "code"), MALFORMED)
def test_what_is_malformed_gets_a_json_rpc_error_that_quotes_nothing(
    version: str, body: bytes, code: int
) -> None:
    async def run() -> None:
        with StandInRouter() as router:
            async with a_gateway(router) as gateway:
                response = await gateway.post(body, mcp_protocol_version=version, mcp_method="x")

        assert response.status_code == 400
        assert part(answered(response), "error", "code") == code
        assert "wörd" not in response.text
        assert "w\\u00f6rd" not in response.text

    asyncio.run(run())


WRONG_CALLS = [
    pytest.param({"name": CANARY, "arguments": {"password": CANARY}}, id="unknown tool"),
    pytest.param({"name": ["execute_query", CANARY]}, id="name that is a list"),
    pytest.param({"arguments": {"password": CANARY}}, id="no name"),
    pytest.param({"name": "execute_query", "arguments": [CANARY]}, id="arguments in a list"),
    pytest.param({"name": "execute_query", "arguments": CANARY}, id="arguments in a string"),
]


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("params", WRONG_CALLS)
def test_a_wrong_call_is_an_error_that_quotes_nothing(
    version: str, params: dict[str, object]
) -> None:
    async def run() -> None:
        body = {
            "jsonrpc": "2.0",
            "id": "a",
            "method": "tools/call",
            "params": {**params, "_meta": MODERN_META} if version == MODERN_VERSION else params,
        }
        with StandInRouter() as router:
            async with a_gateway(router) as gateway:
                response = await gateway.post(
                    body,
                    mcp_protocol_version=version,
                    mcp_method="tools/call",
                    mcp_name="execute_query",
                )

        assert part(answered(response), "error", "code") in {-32602, -32600, -32020}
        assert "wörd" not in response.text
        assert "w\\u00f6rd" not in response.text

    asyncio.run(run())


@pytest.mark.parametrize("version", ERAS)
def test_a_call_without_params_is_refused_like_one_without_a_name(version: str) -> None:
    async def run() -> None:
        body = {"jsonrpc": "2.0", "id": "a", "method": "tools/call"}
        headers = era_headers("execute_query", version)
        with StandInRouter() as router:
            async with a_gateway(router) as gateway:
                null = await gateway.post({**body, "params": None}, **headers)
                empty = await gateway.post({**body, "params": {}}, **headers)

        assert null.status_code == empty.status_code
        assert null.status_code < 500
        assert answered(null) == answered(empty)

    asyncio.run(run())


def a_request(method: str, version: str | None, *, with_meta: bool) -> dict[str, object]:
    params: dict[str, object] = {
        "protocolVersion": CANARY,
        "cursor": {CANARY: 1},
        "uri": CANARY,
        "name": [CANARY],
        "ref": CANARY,
    }
    if with_meta:
        named = {"io.modelcontextprotocol/protocolVersion": version or CANARY}
        params["_meta"] = {**MODERN_META, **named}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


METHODS = [
    "pa55",
    "tools/list",
    "initialize",
    "resources/read",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "server/discover",
]


@pytest.mark.parametrize("version", [*ERAS, "2025-03-26", None, "pa55", "2031-01-01"])
@pytest.mark.parametrize("with_meta", [True, False])
def test_no_error_quotes_a_method_a_parameter_or_a_version(
    version: str | None, *, with_meta: bool
) -> None:
    async def run() -> None:
        named = {} if version is None else {"mcp_protocol_version": version}
        async with a_gateway(None) as gateway:
            for method in METHODS:
                response = await gateway.post(
                    a_request(method, version, with_meta=with_meta), mcp_method=method, **named
                )

                if "error" in answered(response):
                    assert "wörd" not in response.text
                    assert "w\\u00f6rd" not in response.text
                    assert "pa55" not in response.text
                else:
                    assert method in {"tools/list", "initialize", "server/discover"}

    asyncio.run(run())


def test_the_headers_of_a_modern_call_must_match_its_body() -> None:
    async def run() -> None:
        body = tool_call("list_connections", {}, version=MODERN_VERSION)
        with StandInRouter() as router:
            async with a_gateway(router) as gateway:
                response = await gateway.post(
                    body, **era_headers("disconnect_storage", MODERN_VERSION)
                )

        assert response.status_code == 400
        assert response.json()["error"]["code"] == -32020

    asyncio.run(run())


def test_an_unknown_era_is_told_which_are_served() -> None:
    async def run() -> None:
        body = tool_call("list_connections", {}, version=MODERN_VERSION)
        text = json.dumps(body).replace(MODERN_VERSION, "2031-01-01").encode()
        with StandInRouter() as router:
            async with a_gateway(router) as gateway:
                response = await gateway.post(text, **era_headers("list_connections", "2031-01-01"))

        assert response.status_code == 400
        assert response.json()["error"]["code"] in {-32022, -32020}

    asyncio.run(run())


def test_a_body_over_the_limit_is_refused_and_one_just_below_is_not() -> None:
    async def run() -> None:
        statement = "select '" + "x" * ((1 << 20) - 9) + "'"
        with StandInRouter() as router:
            async with a_gateway(router) as gateway:
                huge = await gateway.post(b" " * ((4 << 20) + 1))
                large = await gateway.call(
                    "execute_query",
                    {"connection_id": ID, "query": statement},
                    version=MODERN_VERSION,
                )

        assert huge.status_code == 413
        assert huge.json()["error"]["code"] == -32600
        assert large.json()["result"]["structuredContent"]["success"] is True

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "path", "kind", "status"),
    [
        ("GET", "/mcp", "application/json", 405),
        ("DELETE", "/mcp", "application/json", 405),
        ("POST", "/elsewhere", "application/json", 404),
        ("POST", "/mcp", "text/plain", 415),
        ("POST", "/mcp", "application/jsonp", 415),
    ],
)
def test_what_is_not_a_post_of_json_to_the_endpoint_is_refused(
    method: str, path: str, kind: str, status: int
) -> None:
    async def run() -> None:
        async with a_gateway(None) as gateway:
            response = await gateway.http.request(
                method,
                f"http://127.0.0.1:{gateway.port}{path}",
                content=b"{}",
                headers={"content-type": kind},
            )

        assert response.status_code == status
        assert response.json()["error"]["code"] == -32600

    asyncio.run(run())


def test_without_the_token_nothing_is_answered_and_the_challenge_is_given() -> None:
    async def run() -> None:
        async with a_gateway(None) as gateway:
            none = await gateway.post({}, authorization="")
            wrong = await gateway.post({}, authorization="Bearer " + gateway.token + "x")

        assert [none.status_code, wrong.status_code] == [401, 401]
        assert none.headers["www-authenticate"] == 'Bearer realm="strongroom"'
        assert gateway.token not in wrong.text

    asyncio.run(run())


def test_a_page_from_elsewhere_does_not_get_in_even_where_no_token_is_asked_for() -> None:
    async def run() -> None:
        async with a_gateway(None, with_token=False) as gateway:
            rebound = await gateway.post({}, host=f"evil.example:{gateway.port}")
            page = await gateway.post({}, origin="https://evil.example")
            own = await gateway.post({}, origin=f"http://localhost:{gateway.port}")

        assert [rebound.status_code, page.status_code, own.status_code] == [421, 403, 400]

    asyncio.run(run())


def test_a_head_without_an_end_is_cut_off() -> None:
    async def run() -> bytes:
        async with a_gateway(None) as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(b"POST /mcp HTTP/1.1\r\nx: " + b"y" * 66_000)
            try:
                return await reader.read()
            finally:
                writer.close()

    assert asyncio.run(run()).startswith(b"HTTP/1.1 400")
