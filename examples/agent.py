"""An agent's loop over Strongroom's tools; put a model where `decide` is.

    python examples/agent.py http://127.0.0.1:8765/mcp RUN_DIR/token

It needs the packages of `.venv` and no model: `decide` follows a plan for the demo's bookshop.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import Tool

Answer: TypeAlias = dict[str, object]
Step: TypeAlias = tuple[str, dict[str, object]]
"""A tool's name and its arguments."""

QUESTION = "Which three books cost most?"
STATEMENT = "SELECT title, price FROM books ORDER BY price DESC LIMIT :most"


def decide(question: str, tools: Sequence[Tool], seen: Sequence[Answer]) -> Step | str:
    """Return the next step, or the answer. A model would read all three; this reads `seen`."""
    match len(seen):
        case 0:
            return "connect_named_storage", {"connection_name": "demo"}
        case 1:
            arguments = {"connection_id": seen[0]["connection_id"], "params": {"most": 3}}
            return "execute_query", {**arguments, "query": STATEMENT}
        case 2:
            return "disconnect_storage", {"connection_id": seen[0]["connection_id"]}
        case _:
            rows = seen[1]["rows"]
            return f"{question} (with {len(tools)} tools at hand): {rows}"


async def agent(client: Client, question: str) -> str:
    """Call one tool after another, each chosen by what came before, until there is an answer."""
    tools = (await client.list_tools()).tools
    seen: list[Answer] = []
    while not isinstance(step := decide(question, tools, seen), str):
        tool, arguments = step
        result = await client.call_tool(tool, arguments)
        # A failed call has `error` and `fault` in it, from which a model can learn what to mend.
        seen.append(dict(result.structured_content or {}))
    return step


@asynccontextmanager
async def connected(url: str, token: str) -> AsyncIterator[Client]:
    """Connect as any MCP client does: the token, and nothing of a database's."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def main(url: str, token: str) -> None:
    """Answer the question on the system at *url*."""
    async with connected(url, token) as client:
        sys.stdout.write(f"{await agent(client, QUESTION)}\n")


def token_in(path: str) -> str:
    """Return the token in the file; end with a sentence when there is none."""
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError as error:
        sys.exit(f"agent.py: {path}: {error.strerror}")
    except ValueError:
        sys.exit(f"agent.py: {path} is not a token")


def run(url: str, token: str) -> int:
    """Return the exit status; what keeps us from the system is a sentence and no traceback."""
    status = 0
    try:
        asyncio.run(main(url, token))
    except* (MCPError, httpx2.HTTPError, httpx2.InvalidURL):
        sys.stderr.write(f"agent.py: no system at {url} that takes this token\n")
        status = 1
    return status


if __name__ == "__main__":
    if len(sys.argv) != len(("agent.py", "URL", "TOKEN_FILE")):
        sys.exit("usage: agent.py URL TOKEN_FILE")
    sys.exit(run(sys.argv[1], token_in(sys.argv[2])))
