"""The client behind `strongroom query`, and servers that end badly."""

import asyncio

import pytest
from mcp import Client
from mcp.server.mcpserver import MCPServer

from console.failures import CallFailedError
from console.mcp_client import _execute


def a_server(*, answer: dict[str, object]) -> MCPServer:
    """Return a server that answers a statement with *answer*, and breaks at the disconnect."""
    server = MCPServer("broken")

    @server.tool()
    def connect_named_storage(connection_name: str) -> dict[str, object]:
        return {"success": True, "connection_id": connection_name}

    @server.tool()
    def execute_query(connection_id: str, query: str) -> dict[str, object]:
        assert connection_id
        assert query
        return answer

    @server.tool()
    def disconnect_storage(connection_id: str) -> dict[str, object]:
        raise ValueError(connection_id)

    return server


async def executed(server: MCPServer) -> dict[str, object]:
    async with Client(server) as client:
        return await _execute(client, "reads", {"query": "SELECT 1"})


def test_a_good_answer_is_not_lost_by_a_disconnect_that_fails() -> None:
    answer: dict[str, object] = {"success": True, "rows": [{"a": 1}]}

    assert asyncio.run(executed(a_server(answer=answer))) == answer


def test_a_statements_fault_is_not_hidden_by_a_disconnect_that_fails() -> None:
    answer: dict[str, object] = {"success": False, "error": "no", "fault": {"may_have_run": True}}

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(executed(a_server(answer=answer)))

    assert caught.group_contains(CallFailedError, match="no\nThe statement may have taken effect.")
