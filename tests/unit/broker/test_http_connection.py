"""Clients that take more than their share, over real sockets, with limits that are soon reached."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from broker.crowd import HttpLimits
from tests.harness.waiting import until
from tests.unit.broker.serving import Gateway, a_gateway, tool_call
from tests.unit.broker.standin_router import ID, StandInRouter
from wire.results import success

WITHIN_S = 20.0
SOON_S = 0.3
LARGE = success({"rows": [{"text": "x" * (12 << 20)}]})
"""More than the two kernels' buffers take by themselves."""


class Client(NamedTuple):
    """A client that says what it wants, byte by byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def say(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))

    async def head(self) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WITHIN_S)

    async def until(self, mark: bytes) -> None:
        """Read up to *mark*, however far it is."""
        tail = b""
        while mark not in tail:
            read = await asyncio.wait_for(self.reader.read(1 << 10), WITHIN_S)
            assert read
            tail = tail[-len(mark) :] + read

    async def end(self) -> bytes:
        """Return what comes until the connection ends."""
        rest = b""
        with contextlib.suppress(ConnectionResetError):
            while part := await asyncio.wait_for(self.reader.read(1 << 20), WITHIN_S):
                rest += part
        return rest


@contextlib.asynccontextmanager
async def a_client(gateway: Gateway, *, receives_bytes: int = 0) -> AsyncIterator[Client]:
    connecting = socket.socket()
    if receives_bytes:
        connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives_bytes)
    connecting.settimeout(0)
    await asyncio.get_running_loop().sock_connect(connecting, ("127.0.0.1", gateway.port))
    reader, writer = await asyncio.open_connection(sock=connecting, limit=1 << 12)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


def a_head(gateway: Gateway, length: object = 0, *, token: str | None = None) -> bytes:
    lines = [
        "POST /mcp HTTP/1.1",
        f"host: 127.0.0.1:{gateway.port}",
        f"authorization: Bearer {token or gateway.token}",
        "content-type: application/json",
        "accept: application/json, text/event-stream",
        "mcp-protocol-version: 2025-11-25",
        "transfer-encoding: chunked" if length is None else f"content-length: {length}",
    ]
    return "\r\n".join((*lines, "", "")).encode()


def a_call(gateway: Gateway, *, plain: bool = True, query: str = "select 1") -> bytes:
    further = {} if plain else {"unheardOf": None}
    arguments = {"connection_id": ID, "query": query}
    body = json.dumps(
        tool_call("execute_query", arguments, version="2025-11-25", **further)
    ).encode()
    return a_head(gateway, len(body)) + body


@pytest.mark.parametrize("said", [b"", b"\r\n", b"POST /mcp HTTP/1.1\r\n"])
def test_a_head_that_does_not_come_ends_the_connection(said: bytes) -> None:
    async def run() -> bytes:
        async with (
            a_gateway(None, limits=HttpLimits(head_s=SOON_S)) as gateway,
            a_client(gateway) as client,
        ):
            client.say(said)
            return await client.end()

    assert asyncio.run(run()) == b""


@pytest.mark.parametrize("said", [b"", b"\r\n"])
def test_silence_after_an_answer_ends_the_connection_whatever_bytes_came(said: bytes) -> None:
    async def run() -> tuple[bytes, bytes]:
        async with (
            a_gateway(None, limits=HttpLimits(idle_s=SOON_S)) as gateway,
            a_client(gateway) as client,
        ):
            client.say(a_head(gateway))
            head = await client.head()
            client.say(said)
            return head, await client.end()

    head, rest = asyncio.run(run())
    assert head.startswith(b"HTTP/1.1 400")
    assert b"connection: close" not in head
    assert b"HTTP/1.1" not in rest


@pytest.mark.parametrize(
    ("length", "said"), [(10, b"{"), (None, b"5\r\n{")], ids=["announced", "chunked"]
)
def test_a_body_that_does_not_come_ends_the_connection(length: object, said: bytes) -> None:
    async def run() -> bytes:
        async with (
            a_gateway(None, limits=HttpLimits(body_s=SOON_S)) as gateway,
            a_client(gateway) as client,
        ):
            client.say(a_head(gateway, length), said)
            return await client.end()

    assert asyncio.run(run()) == b""


def test_trailers_end_the_connection() -> None:
    async def run() -> bytes:
        async with a_gateway(None) as gateway, a_client(gateway) as client:
            client.say(a_head(gateway, None), b"0\r\n", b"x: y\r\n" * 1000)
            return await client.end()

    assert b"HTTP/1.1 200" not in asyncio.run(run())


def test_a_request_that_runs_longer_than_any_limit_is_answered() -> None:
    async def run() -> bytes:
        # Each is less than the statement takes, and enough for a busy machine to read a megabyte.
        soon = HttpLimits(head_s=1.0, body_s=1.0, idle_s=1.0, stall_s=1.0)
        async with (
            a_gateway(None, limits=soon, statement_ms=2500) as gateway,
            a_client(gateway) as client,
        ):
            # Of the second one not all is read while the first one runs, and that is our doing.
            client.say(a_call(gateway), a_call(gateway, query="x" * (1 << 20)))
            return await client.end()

    assert asyncio.run(run()).count(b'"code":"unavailable"') == 2


@pytest.mark.parametrize(
    ("wrong", "right"), [(b"Bearer", b"Basic"), (b"127.0.0.1:", b"evil.example:")]
)
def test_a_stranger_is_told_and_the_connection_ends(wrong: bytes, right: bytes) -> None:
    async def run() -> bytes:
        async with a_gateway(None) as gateway, a_client(gateway) as client:
            client.say(a_head(gateway).replace(wrong, right) * 2)
            return await client.end()

    said = asyncio.run(run())
    assert said.count(b"HTTP/1.1 4") == said.count(b"connection: close") == 1


def test_a_stranger_who_is_still_sending_hears_the_refusal() -> None:
    def send_and_then_read(port: int, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), WITHIN_S) as client:
            client.sendall(request)
            return client.recv(1 << 10)

    async def run() -> bytes:
        async with a_gateway(None) as gateway:
            request = a_head(gateway, 8 << 20, token="wrong") + b"x" * (8 << 20)
            return await asyncio.to_thread(send_and_then_read, gateway.port, request)

    assert asyncio.run(run()).startswith(b"HTTP/1.1 401")


def test_strangers_who_fill_the_room_keep_nobody_out() -> None:
    async def run() -> list[int]:
        async with (
            a_gateway(None, limits=HttpLimits(connections=8)) as gateway,
            contextlib.AsyncExitStack() as strangers,
        ):
            for _ in range(20):
                stranger = await strangers.enter_async_context(a_client(gateway))
                stranger.say(b"POST /mcp HTTP/1.1\r\n")

            answers = [await gateway.post({}) for _ in range(3)]

        return [answer.status_code for answer in answers]

    assert asyncio.run(run()) == [400, 400, 400]


def test_who_was_admitted_stays_when_strangers_come() -> None:
    async def run() -> bytes:
        async with (
            a_gateway(None, limits=HttpLimits(connections=4)) as gateway,
            contextlib.AsyncExitStack() as clients,
        ):
            known = await clients.enter_async_context(a_client(gateway))
            known.say(a_head(gateway))
            await known.head()
            for _ in range(10):
                await clients.enter_async_context(a_client(gateway))

            known.say(b"\r\n", a_head(gateway))

            return await known.reader.readuntil(b"HTTP/1.1 400")

    assert asyncio.run(run()).endswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("plain", [True, False], ids=["beside the SDK", "through the SDK"])
def test_an_answer_that_nobody_reads_ends_the_connection(
    *, plain: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    async def run() -> bytes:
        with StandInRouter(lambda *_: LARGE) as router:
            async with (
                a_gateway(router, limits=HttpLimits(stall_s=SOON_S)) as gateway,
                a_client(gateway, receives_bytes=4096) as client,
            ):
                client.say(a_call(gateway, plain=plain))
                await until_logged(capfd, "client_cut_off")
                return await client.end()

    assert len(asyncio.run(run())) < len(LARGE)


async def until_logged(capfd: pytest.CaptureFixture[str], event: str) -> None:
    await asyncio.to_thread(until, lambda: event in capfd.readouterr().err, within_s=WITHIN_S)


def test_the_slowest_readers_are_cut_off_for_what_others_have_asked(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def run() -> tuple[int, bytes]:
        with StandInRouter(lambda *_: LARGE) as router:
            async with (
                a_gateway(router, limits=HttpLimits(held_bytes=2 * len(LARGE))) as gateway,
                contextlib.AsyncExitStack() as clients,
            ):
                slow = [
                    await clients.enter_async_context(a_client(gateway, receives_bytes=4096))
                    for _ in range(4)
                ]
                for client in slow:
                    client.say(a_call(gateway))
                await until_logged(capfd, "client_cut_off")
                answer = await gateway.call(
                    "execute_query",
                    {"connection_id": ID, "query": "select 1"},
                    version="2025-11-25",
                )
                return answer.status_code, await slow[0].end()

    status, rest = asyncio.run(run())
    assert status == 200
    assert len(rest) < len(LARGE)


def test_no_further_request_is_taken_before_an_answer_is_read() -> None:
    async def run() -> int:
        with StandInRouter(lambda *_: LARGE) as router:
            async with (
                a_gateway(router) as gateway,
                a_client(gateway, receives_bytes=4096) as client,
            ):
                client.say(a_call(gateway), a_call(gateway))
                await client.head()
                await gateway.call("list_connections", {}, version="2025-11-25")

                asked = router.heard.qsize()
                await client.until(b"HTTP/1.1")

                return asked

    assert asyncio.run(run()) == len(["Hello", "the first call", "another client's call"])
