"""kill -9 of each role: what the client sees, how soon, what is left behind, and the next query."""

from collections.abc import Iterator

import pytest

from tests.harness.clients import McpClient
from tests.harness.databases import Databases
from tests.harness.system import System
from tests.harness.waiting import until

pytestmark = pytest.mark.faults

SLOW = "select pg_sleep(20)"


@pytest.fixture
def client(system: System) -> Iterator[McpClient]:
    with McpClient.http(system) as made:
        yield made


def busy(databases: Databases, name: str) -> bool:
    return bool(databases.sessions(name, state="active"))


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("role", ["executor", "vault", "login-server", "router", "gateway"])
def test_any_process_may_die_while_idle_and_the_same_id_goes_on(
    role: str, times: int, system: System, client: McpClient
) -> None:
    connection_id = client.connect("writer")
    assert client.execute(connection_id, "select 1 as n")["rows"] == [{"n": 1}]

    for _ in range(times):
        pid = system.kill(role)
        system.wait_until_replaced(role, pid)

    assert client.execute(connection_id, "select 2 as n")["rows"] == [{"n": 2}]


@pytest.mark.parametrize("role", ["executor", "vault", "login-server", "router", "gateway"])
def test_the_next_query_works_at_once_however_soon_it_comes(
    role: str, system: System, client: McpClient
) -> None:
    connection_id = client.connect("writer")
    client.execute(connection_id, "select 1")

    pid = system.kill(role)
    answers = [again(client, connection_id) for _ in range(3)]

    assert answers[-1] == [{"n": 3}]
    system.wait_until_replaced(role, pid)


def again(client: McpClient, connection_id: str) -> object:
    """Send a harmless query until it is answered, as any client may after a lost connection."""
    answers: list[object] = []

    def answered() -> bool:
        try:
            answers.append(client.execute(connection_id, "select 3 as n").get("rows"))
        except Exception:  # noqa: BLE001 - whatever the SDK makes of a cut connection
            return False
        return answers[-1] is not None

    until(answered, within_s=10)
    return answers[-1]
