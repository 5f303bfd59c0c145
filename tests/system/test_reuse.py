"""Nothing of one use of a connection shows in the next, whatever the server's kind."""

import secrets
from collections.abc import Iterator

import pytest

from tests.harness.clients import Fields, McpClient
from tests.harness.databases import Databases
from tests.harness.interop import KINDS, Interop, every_kind, running
from tests.harness.interop_reuse import MYSQL, MYSQL_FIRST, POSTGRESQL, POSTGRESQL_FIRST
from tests.harness.interop_words import WORDS
from tests.harness.mysql_databases import MysqlDatabases
from tests.harness.server_fixtures import programs_or_skip
from tests.harness.system import System


@pytest.fixture(scope="module")
def interop(request: pytest.FixtureRequest) -> Iterator[Interop]:
    with every_kind(request) as made:
        for name, accounts in made.accounts.items():
            if isinstance(accounts, Databases):
                accounts.server.admin_sql(f"grant pg_monitor to {accounts.role(name)}")
        yield made


@pytest.fixture(scope="module")
def system(interop: Interop) -> Iterator[System]:
    # One executor, so that a connection that can be used again is.
    with running(interop, executors=1) as made:
        yield made


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[McpClient]:
    with McpClient.http(system) as made:
        yield made


@pytest.fixture(scope="module")
def other(system: System) -> Iterator[McpClient]:
    """Another principal."""
    with McpClient.stdio(str(system.run_dir), env=system.environment()) as made:
        yield made


@pytest.fixture(params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    made = str(request.param)
    if (programs := KINDS[made].programs) is not None:
        programs_or_skip(programs)
    return made


@pytest.fixture
def connection_id(client: McpClient, name: str) -> Iterator[str]:
    made = client.connect(name)
    yield made
    client.call("disconnect_storage", connection_id=made)


def session(client: McpClient, connection_id: str, name: str) -> object:
    """Return which session of the server the next statement is given."""
    answer = client.execute(connection_id, WORDS[KINDS[name].engine].session)
    assert answer["success"] is True, answer
    return answer["rows"]


def shown(answer: Fields) -> object:
    """Return what of an answer is the session's: its rows, or why there are none."""
    return answer.get("rows", answer)


def leavings(interop: Interop, name: str) -> dict[str, tuple[str, str]]:
    """Return what may be left behind there, with a role that may be taken."""
    accounts = interop.accounts[name]
    if not isinstance(accounts, MysqlDatabases):
        return POSTGRESQL
    role = f"taken_{secrets.token_hex(4)}"
    accounts.server.admin_sql(f"create role {role}")
    accounts.server.admin_sql(f"grant {role} to `{accounts.role(name)}`@`%`")
    return {what: (leave.format(role=role), look) for what, (leave, look) in MYSQL.items()}


def test_nothing_of_one_use_shows_in_the_next(
    client: McpClient, interop: Interop, name: str, connection_id: str
) -> None:
    for statement in POSTGRESQL_FIRST if KINDS[name].engine == "postgresql" else MYSQL_FIRST:
        assert client.execute(connection_id, statement)["success"] is True
    used = session(client, connection_id, name)
    seen: dict[str, list[object]] = {}

    for what, (leave, look) in leavings(interop, name).items():
        before = shown(client.execute(connection_id, look))
        left = client.execute(connection_id, leave)
        assert left["success"] is True, (what, left)
        seen[what] = [before, shown(client.execute(connection_id, look))]

    assert {what: pair for what, pair in seen.items() if pair[0] != pair[1]} == {}
    assert session(client, connection_id, name) == used


def test_who_sets_the_seed_does_not_know_what_the_next_one_draws(
    client: McpClient, name: str, connection_id: str
) -> None:
    is_mysql = KINDS[name].engine == "mysql"
    seed = "set rand_seed1 = 5, rand_seed2 = 7" if is_mysql else "select setseed(0.5)"
    draw = "select rand() as r" if is_mysql else "select random() as r"
    drawn: list[object] = []

    for _ in range(2):
        client.execute(connection_id, seed)
        drawn.append(client.execute(connection_id, draw)["rows"])

    assert drawn[0] != drawn[1]


def test_a_session_that_ended_is_not_handed_out_again(
    client: McpClient, name: str, connection_id: str
) -> None:
    before = session(client, connection_id, name)

    ended = client.execute(connection_id, WORDS[KINDS[name].engine].ends_itself)

    assert ended["success"] is False
    assert session(client, connection_id, name) != before


def test_two_principals_never_have_a_session_between_them(
    client: McpClient, other: McpClient, name: str, connection_id: str
) -> None:
    others = other.connect(name)

    seen = [session(client, connection_id, name), session(other, others, name)]
    again = [session(client, connection_id, name), session(other, others, name)]
    other.call("disconnect_storage", connection_id=others)
    alone = session(client, connection_id, name)

    assert seen[0] != seen[1]
    assert again == seen
    assert alone == seen[0]
