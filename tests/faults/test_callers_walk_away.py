"""Many callers go at once, and what they leave behind is not in the way of the next.

The worst moment for that is a login: nobody waits for its connection any more, and it counts
against the principal's limit until the server has answered. So the server is made to hold logins.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import Final

import pytest

from tests.harness.clients import ANSWER_S, Fields, McpClient
from tests.harness.databases import Databases
from tests.harness.postgres import PostgresServer
from tests.harness.system import System
from tests.harness.waiting import until

pytestmark = pytest.mark.faults

CAP: Final = 24
"""Connections of one principal."""
CALLERS: Final = 16
"""As many as there are slots, two thirds of it: each statement wants a connection of its own."""
LOGGING_IN: Final = (CALLERS // 2, CALLERS)
"""How many of those that walk away are still logging in; all, with the next, are above the cap."""

DATABASE: Final = "walkers"
LOCK: Final = 7
WAIT_AT_LOGIN: Final = f"""
create function wait_at_login() returns event_trigger language plpgsql as
$$ begin perform pg_advisory_xact_lock_shared({LOCK}); end $$
"""


@pytest.fixture(scope="module")
def databases(postgres: PostgresServer) -> Databases:
    postgres.create_database(DATABASE, postgres.admin_user)
    postgres.admin_sql(WAIT_AT_LOGIN, DATABASE)
    postgres.admin_sql(
        "create event trigger waits on login execute function wait_at_login()", DATABASE
    )
    made = Databases(postgres)
    made.add("writer", database=DATABASE)
    return made


@pytest.fixture
def system(databases: Databases) -> Iterator[System]:
    limits = {"connectionsPerPrincipal": CAP}
    with System(
        configuration={"connections": databases.connections, "limits": limits},
        credentials=databases.environment,
    ) as running:
        yield running


@contextmanager
def held_logins(server: PostgresServer) -> Iterator[None]:
    """Let every login to the database wait until the block ends."""
    with closing(server.connect(server.admin_user, server.admin_password, DATABASE)) as admin:
        admin.execute("select pg_advisory_lock(%s)", [LOCK])
        yield


def begin(client: McpClient, connection_id: str, query: str, count: int) -> list[Future[Fields]]:
    return [client.begin_execute(connection_id, query) for _ in range(count)]


def loans(system: System) -> set[str]:
    return {str(loan["handle"]) for loan in system.status().loans or []}


def are_others(system: System, before: set[str]) -> bool:
    """Return whether the next callers have their loans, and those before them none."""
    now = loans(system)
    return len(now) == CALLERS and not now & before


def walk_away(client: McpClient, calls: Sequence[Future[Fields]], way: str) -> None:
    if way == "leave":
        client.leave()
    for call in calls:
        call.cancel()


@pytest.mark.parametrize("logging_in", LOGGING_IN)
@pytest.mark.parametrize("way", ["leave", "cancel"])
def test_when_all_callers_walk_away_the_next_are_served_at_once(
    way: str, logging_in: int, system: System, databases: Databases
) -> None:
    slow, soon = "select pg_sleep(30)", "select 1 as n from pg_sleep(0.5)"
    with McpClient.http(system) as walking, McpClient.http(system) as staying:
        left, kept = walking.connect("writer"), staying.connect("writer")
        running = begin(walking, left, slow, CALLERS - logging_in)
        until(lambda: len(databases.sleepers("writer")) == len(running))

        with held_logins(databases.server):
            running += begin(walking, left, slow, logging_in)
            until(lambda: len(loans(system)) == CALLERS)
            before = loans(system)
            walk_away(walking, running, way)
            asked = begin(staying, kept, soon, CALLERS)
            until(lambda: are_others(system, before) or any(call.done() for call in asked))

        answers = [call.result(ANSWER_S) for call in asked]
        assert [answer.get("rows", answer) for answer in answers] == [[{"n": 1}]] * CALLERS
        until(lambda: len(databases.sessions("writer")) <= CALLERS)
