"""Clients that take more than their share, over real sockets, with limits that are soon reached."""

import asyncio
import contextlib
import socket

import pytest

from broker.crowd import HttpLimits
from tests.harness.waiting import until
from tests.unit.broker.http_client import WITHIN_S, a_call, a_client, a_head
from tests.unit.broker.serving import a_gateway
from tests.unit.broker.standin_router import ID, StandInRouter
from wire.results import success

SOON_S = 0.3
LARGE = success({"rows": [{"text": "x" * (12 << 20)}]})
"""More than the two kernels' buffers take by themselves."""


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


def test_a_request_has_its_whole_time_once_the_one_before_it_is_answered() -> None:
    async def run() -> bytes:
        # While the first one runs, the time of the second is over once, and almost twice.
        limits = HttpLimits(body_s=2.0)
        async with (
            a_gateway(None, limits=limits, statement_ms=3600) as gateway,
            a_client(gateway) as client,
        ):
            client.say(a_call(gateway), a_head(gateway, 1 << 20), b"x" * ((1 << 20) - 1))
            await client.until(b'"code":"unavailable"')
            await asyncio.sleep(1.0)  # a client may be slow
            client.say(b"x")
            return await client.head()

    assert b"HTTP/1.1 400" in asyncio.run(run())


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
