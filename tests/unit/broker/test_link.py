import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator

from broker.link import RouterLink
from tests.unit.broker.standin_router import ID, StandInRouter, friendly, silent
from wire.faults import Fault, FaultCode
from wire.logs import Log
from wire.messages import Cancel, Disconnect, Execute, Hello, ListConnections, Request
from wire.names import ConnectionId, Incarnation, Principal
from wire.results import failure, success

ALICE = Principal("token:alice")
SOON_S = 0.05
LATER_S = 20.0


@contextlib.asynccontextmanager
async def a_link(
    router: StandInRouter | None = None, *, waiting_max: int = 16
) -> AsyncIterator[RouterLink]:
    name = Incarnation(f"gateway-1.{secrets.token_hex(4)}")
    link = RouterLink(name, waiting_max=waiting_max, log=Log("test"))
    if router is not None:
        link.router_ready(router.endpoint, router.public_key)
    yield link
    link.close()


def an_execute(link: RouterLink) -> Execute:
    return Execute(
        request_id=link.new_request_id(),
        principal=ALICE,
        connection_id=ConnectionId(ID),
        deadline_ms=30_000,
    )


def a_list(link: RouterLink) -> ListConnections:
    return ListConnections(request_id=link.new_request_id(), principal=ALICE, deadline_ms=30_000)


def a_disconnect(link: RouterLink) -> Disconnect:
    return Disconnect(
        request_id=link.new_request_id(),
        principal=ALICE,
        connection_id=ConnectionId(ID),
        deadline_ms=30_000,
    )


def start(
    link: RouterLink, message: Request, *, deadline_s: float = LATER_S
) -> "asyncio.Task[bytes]":
    return asyncio.create_task(link.ask(message, b"{}", deadline_s=deadline_s))


def fault_of(result: bytes) -> dict[str, object]:
    structured = json.loads(result)["structuredContent"]
    assert structured["success"] is False
    return dict(structured["fault"])


def test_a_link_says_hello_first_and_hands_an_answers_payload_through_as_it_came() -> None:
    async def run() -> None:
        payload = success({"rows": [{"x": 0.10}], "row_count": 1})
        with StandInRouter(lambda *_: payload) as router:
            async with a_link(router) as link:
                result = await link.ask(an_execute(link), b'{"query":"x"}', deadline_s=LATER_S)

            assert result == payload
            assert isinstance(router.heard.get()[0], Hello)
            assert router.heard.get()[1] == b'{"query":"x"}'

    asyncio.run(run())


def test_many_answers_reach_those_who_asked() -> None:
    async def run() -> None:
        with StandInRouter(lambda _, payload: payload) as router:
            async with a_link(router, waiting_max=500) as link:
                asked = [
                    link.ask(an_execute(link), b'{"n":%d}' % number, deadline_s=LATER_S)
                    for number in range(400)
                ]
                results = await asyncio.gather(*asked)

        assert results == [b'{"n":%d}' % number for number in range(400)]

    asyncio.run(run())


def test_a_failed_becomes_the_result_of_its_fault() -> None:
    async def run() -> None:
        fault = Fault(code=FaultCode.STATEMENT_FAILED, message="no", sqlstate="42601")
        with StandInRouter(lambda *_: fault) as router:
            async with a_link(router) as link:
                result = await link.ask(an_execute(link), deadline_s=LATER_S)

        assert result == failure(fault)

    asyncio.run(run())


def test_without_a_router_a_request_waits_for_the_next_one() -> None:
    async def run() -> None:
        with StandInRouter() as router:
            async with a_link() as link:
                waiting = start(link, an_execute(link))
                await asyncio.sleep(0)

                link.router_ready(router.endpoint, router.public_key)

                assert json.loads(await waiting)["isError"] is False

    asyncio.run(run())


def test_without_a_router_a_request_ends_at_its_deadline_and_was_surely_not_run() -> None:
    async def run() -> None:
        async with a_link() as link:
            result = await link.ask(an_execute(link), deadline_s=SOON_S)

        assert fault_of(result)["code"] == "unavailable"

    asyncio.run(run())


def test_what_waited_for_a_router_tells_it_how_much_time_is_left() -> None:
    async def run() -> None:
        with StandInRouter() as router:
            async with a_link() as link:
                waiting = start(link, an_execute(link), deadline_s=3.0)
                await asyncio.sleep(0)
                link.router_ready(router.endpoint, router.public_key)
                await waiting

            message, _ = router.next_of(Execute)
            assert isinstance(message, Execute)
            assert message.deadline_ms <= 3000

    asyncio.run(run())


def test_a_lost_router_leaves_a_sent_statement_in_doubt_and_a_list_merely_unavailable() -> None:
    async def run() -> None:
        with StandInRouter(silent) as router:
            async with a_link(router) as link:
                executing = start(link, an_execute(link))
                listing = start(link, a_list(link))
                disconnecting = start(link, a_disconnect(link))
                await asyncio.to_thread(router.next_of, Disconnect)

                link.router_lost()

                fault = fault_of(await executing)
                assert (fault["code"], fault["may_have_run"]) == ("outcome_unknown", True)
                assert fault_of(await listing)["code"] == "unavailable"
                assert fault_of(await disconnecting)["code"] == "outcome_unknown"

    asyncio.run(run())


def test_after_a_lost_router_the_next_one_gets_nothing_twice() -> None:
    async def run() -> None:
        with StandInRouter(silent) as first, StandInRouter() as second:
            async with a_link(first) as link:
                lost = start(link, an_execute(link))
                await asyncio.to_thread(first.next_of, Execute)

                link.router_ready(second.endpoint, second.public_key)
                next_one = await link.ask(a_list(link), deadline_s=LATER_S)

                assert fault_of(await lost)["code"] == "outcome_unknown"
                assert json.loads(next_one)["isError"] is False
            heard = [type(second.heard.get()[0]) for _ in range(2)]
            assert heard == [Hello, ListConnections]
            assert second.heard.empty()

    asyncio.run(run())


def test_a_cancelled_wait_cancels_the_request_at_once() -> None:
    async def run() -> None:
        with StandInRouter(silent) as router:
            async with a_link(router) as link:
                message = an_execute(link)
                waiting = start(link, message)
                await asyncio.to_thread(router.next_of, Execute)

                waiting.cancel()

                cancel, _ = await asyncio.to_thread(router.next_of, Cancel)
                assert cancel == Cancel(request_id=message.request_id)

    asyncio.run(run())


def test_one_request_more_than_may_wait_is_refused_and_room_comes_back() -> None:
    async def run() -> None:
        with StandInRouter() as router:
            async with a_link(waiting_max=2) as link:
                waiting = [start(link, an_execute(link)) for _ in range(2)]
                await asyncio.sleep(0)

                refused = await link.ask(an_execute(link), deadline_s=LATER_S)
                link.router_ready(router.endpoint, router.public_key)
                await asyncio.gather(*waiting)
                accepted = await link.ask(an_execute(link), deadline_s=LATER_S)

        assert fault_of(refused)["code"] == "overloaded"
        assert json.loads(accepted)["isError"] is False

    asyncio.run(run())


def test_a_router_that_never_answers_is_given_up_some_time_after_the_deadline() -> None:
    async def run() -> None:
        with StandInRouter(silent) as router:
            async with a_link(router) as link:
                result = await link.ask(an_execute(link), deadline_s=SOON_S)

        assert fault_of(result)["code"] == "outcome_unknown"

    asyncio.run(run())


def test_closing_ends_what_waits() -> None:
    async def run() -> None:
        async with a_link() as link:
            waiting = start(link, an_execute(link))
            await asyncio.sleep(0)

        assert fault_of(await waiting)["code"] == "unavailable"

    asyncio.run(run())


def test_an_answer_that_nobody_waits_for_any_more_is_dropped() -> None:
    async def run() -> None:
        with StandInRouter(friendly) as router:
            async with a_link(router) as link:
                abandoned = start(link, an_execute(link))
                await asyncio.sleep(0)
                abandoned.cancel()

                result = await link.ask(a_list(link), deadline_s=LATER_S)

        assert json.loads(result)["isError"] is False

    asyncio.run(run())
