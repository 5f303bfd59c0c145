"""What a client on standard streams may leave unread, and what that does to others: nothing."""

import asyncio
import os

from broker.sdk import RESULTS_MAX
from tests.unit.broker.serving import MODERN_VERSION, tool_call
from tests.unit.broker.standin_router import ID, StandInRouter, silent
from tests.unit.broker.stdio_client import WITHIN_S, a_client
from wire.messages import Cancel, Execute, Hello
from wire.results import success

EXECUTE = {"connection_id": ID, "query": "select 1"}


def numbered(call: dict[str, object], number: int) -> dict[str, object]:
    return {**call, "id": number}


def cancelled(number: int) -> dict[str, object]:
    return {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": number},
    }


def test_so_many_calls_of_a_client_run_at_a_time_and_a_cancelled_one_makes_room() -> None:
    async def run() -> list[type]:
        call = tool_call("execute_query", EXECUTE, version=MODERN_VERSION)
        with StandInRouter(silent) as router:
            async with a_client(router) as client:
                await client.send(*(numbered(call, number) for number in range(RESULTS_MAX + 1)))
                await client.send(cancelled(0))
                heard = [
                    await asyncio.to_thread(router.heard.get, timeout=WITHIN_S)
                    for _ in range(RESULTS_MAX + 3)
                ]

        return [type(message) for message, _ in heard]

    assert asyncio.run(run()) == [Hello, *[Execute] * RESULTS_MAX, Cancel, Execute]


def test_a_client_that_does_not_read_is_not_read_from_and_loses_nothing() -> None:
    async def run() -> None:
        payload = success({"rows": [{"text": "x" * (1 << 20)}]})
        call = tool_call("execute_query", EXECUTE, version=MODERN_VERSION)
        ask = tool_call("list_connections", {}, version=MODERN_VERSION, pad="x" * (1 << 20))
        asks = [numbered(ask, number) for number in range(40)]
        with StandInRouter(lambda *_: payload) as router:
            async with a_client(router) as client:
                client.stop_reading()
                await client.send(call)
                sending = asyncio.create_task(client.send(*asks))

                await asyncio.wait({sending}, timeout=2)

                assert not sending.done()
                client.go_on_reading()
                answers = [await client.receive() for _ in range(41)]
                assert {answer["id"] for answer in answers} == {7, *range(40)}

    asyncio.run(run())


def test_cancelled_requests_do_not_count_against_their_client() -> None:
    async def run() -> None:
        statement = {**EXECUTE, "query": "x" * (1 << 20)}
        call = tool_call("execute_query", statement, version=MODERN_VERSION)
        with StandInRouter(silent) as router:
            async with a_client(router) as client:
                for number in range(40):
                    await client.send(numbered(call, number), cancelled(number))

                await client.send(tool_call("no such", {}, version=MODERN_VERSION))

                assert (await client.receive())["id"] == 7

    asyncio.run(run())


def test_a_client_that_dies_without_having_read_ends_its_gateway() -> None:
    async def run() -> None:
        payload = success({"rows": [{"text": "x" * (1 << 20)}]})
        call = tool_call("execute_query", EXECUTE, version=MODERN_VERSION)
        ask = tool_call("list_connections", {}, version=MODERN_VERSION, pad="x" * (1 << 20))
        with StandInRouter(lambda *_: payload) as router:
            async with a_client(router) as client:
                client.stop_reading()
                sending = asyncio.create_task(client.send(call, *[ask] * 40))
                await asyncio.wait({sending}, timeout=2)

                client.transport.close()

                await asyncio.wait_for(sending, WITHIN_S)
                os.close(client.to_gateway)
                await asyncio.wait_for(client.serving, WITHIN_S)

    asyncio.run(run())
