"""An MCP client over HTTP for one statement: connect, execute, disconnect."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple, TypeAlias

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from msgspec import Raw

from console.as_written import AsWritten
from console.failures import CallFailedError, CommandFailedError, LoggedError
from console.rows import Parameters
from wire.faults import FaultCode

Fields: TypeAlias = dict[str, object]

CONNECT_S: Final = 10.0
ANSWER_S: Final = 3600.0
"""The server's own limits end a statement long before."""
DISCONNECT_S: Final = 5.0
"""By then the answer is there; a connection that stays open ends by itself."""


class Access(NamedTuple):
    """Where the server is, and what lets us in."""

    url: str
    token: str | None


_LOGGED: Final = frozenset(
    code.value
    for code in (
        FaultCode.DATABASE_UNREACHABLE,
        FaultCode.LOGIN_FAILED,
        FaultCode.LOGIN_PAUSED,
        FaultCode.INTERNAL,
    )
)
"""Failures of which the client hears less than the log says."""

_SENTENCES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (httpx2.ConnectTimeout, "nothing answers at {url} within {seconds:.0f} s"),
    (httpx2.ConnectError, "nothing answers at {url}"),
    (httpx2.TimeoutException, "{url} does not answer"),
    (httpx2.UnsupportedProtocol, "{url} is not a URL that begins with http:// or https://"),
    (httpx2.InvalidURL, "{url} is not a URL"),
    (httpx2.ProtocolError, "{url} closed the connection or does not speak HTTP"),
    (httpx2.NetworkError, "{url} closed the connection before it answered"),
    (httpx2.TooManyRedirects, "{url} sends its callers in a circle"),
)


async def run_statement(
    access: Access, *, connection: str, statement: str, parameters: Parameters
) -> Fields:
    """Return the structured answer to *statement*; raise CommandFailedError with its sentence."""
    # What the SDK logs would stand on a person's terminal beside the sentence.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        network = AsWritten()
        arguments: Fields = {"query": statement}
        if parameters:
            arguments["params"] = {
                name: network.mark(value) if isinstance(value, Raw) else value
                for name, value in parameters.items()
            }
        async with _session(access, network) as client:
            return await _execute(client, connection, arguments)
    except MCPError as error:
        raise CommandFailedError(f"{access.url}: {error.error.message}") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise CommandFailedError(_sentence(access, error)) from None
    except BaseExceptionGroup as group:
        raise _first_reason(access, group) from None


async def _execute(client: Client, connection: str, arguments: Fields) -> Fields:
    opened = await _call(client, "connect_named_storage", {"connection_name": connection})
    its_id: Fields = {"connection_id": opened["connection_id"]}
    try:
        return await _call(client, "execute_query", {**its_id, **arguments})
    finally:
        # What is wrong with this one must not hide the statement's answer, good or bad.
        with suppress(Exception):
            await client.call_tool("disconnect_storage", its_id, read_timeout_seconds=DISCONNECT_S)


@asynccontextmanager
async def _session(access: Access, network: AsWritten) -> AsyncIterator[Client]:
    headers = {} if access.token is None else {"Authorization": f"Bearer {access.token}"}
    timeout = httpx2.Timeout(CONNECT_S, read=ANSWER_S)
    async with (
        httpx2.AsyncClient(
            headers=headers, timeout=timeout, trust_env=False, transport=network
        ) as http,
        Client(streamable_http_client(access.url, http_client=http)) as client,
    ):
        yield client


async def _call(client: Client, tool: str, arguments: Fields) -> Fields:
    result = await client.call_tool(tool, arguments)
    answer: object = result.structured_content
    if not isinstance(answer, dict):
        raise CommandFailedError(f"{tool}: the answer has no structured content")
    if result.is_error or answer.get("success") is not True:
        raise _failure(answer)
    return answer


def _failure(answer: Fields) -> CommandFailedError:
    found = answer.get("fault")
    fault = found if isinstance(found, dict) else {}
    sentences = [answer.get("error", "the call failed"), fault.get("hint")]
    if fault.get("may_have_run") is True:
        sentences.append("The statement may have taken effect.")
    kind = LoggedError if fault.get("code") in _LOGGED else CallFailedError
    return kind("\n".join(str(one) for one in sentences if one), answer=answer)


def _first_reason(access: Access, group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what the command fails with; what is no failure of the call itself passes through."""
    for error in group.exceptions:
        match error:
            case CommandFailedError():
                return error
            case MCPError():
                return CommandFailedError(f"{access.url}: {error.error.message}")
            case httpx2.HTTPError() | httpx2.InvalidURL():
                return CommandFailedError(_sentence(access, error))
            case BaseExceptionGroup():
                return _first_reason(access, error)
            case _:
                continue
    return group


def _sentence(access: Access, error: httpx2.HTTPError | httpx2.InvalidURL) -> str:
    if isinstance(error, httpx2.HTTPStatusError):
        return f"{access.url} answered with status {error.response.status_code}"
    for kind, sentence in _SENTENCES:
        if isinstance(error, kind):
            return sentence.format(url=access.url, seconds=CONNECT_S)
    return f"{access.url} does not answer as a system of ours does"
