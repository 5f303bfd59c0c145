"""kill -9 of each role: what the client sees, what is left behind, and the next query."""

from collections.abc import Iterator

import httpx2
import pytest
from mcp import MCPError

from tests.harness.clients import McpClient
from tests.harness.databases import Databases
from tests.harness.memory import find_descendants
from tests.harness.system import System
from tests.harness.waiting import until

pytestmark = pytest.mark.faults


@pytest.fixture
def system(databases: Databases) -> Iterator[System]:
    """A system of its own: too many deaths in a minute are a reason to give up."""
    with System(
        configuration={"connections": databases.connections}, credentials=databases.environment
    ) as running:
        yield running


@pytest.mark.parametrize("role", ["executor", "vault", "login-server", "router", "gateway"])
def test_any_process_may_die_and_the_same_id_goes_on(
    role: str, system: System, databases: Databases
) -> None:
    with McpClient.http(system) as client:
        connection_id = client.connect("writer")
        assert client.execute(connection_id, "select 1 as n")["rows"] == [{"n": 1}]

        once = system.kill(role)
        at_once = again(system, connection_id)
        system.wait_until_replaced(role, once)
        for _ in range(3):
            system.wait_until_replaced(role, system.kill(role))
        after_three = again(system, connection_id)

        assert at_once == after_three == [{"n": 3}]
        until(lambda: not left_behind(system, databases), within_s=10)


def left_behind(system: System, databases: Databases) -> list[str]:
    """Return the sessions that nobody has borrowed, and the processes that nobody started."""
    status = system.status()
    lent = {loan["backend_id"] for loan in status.loans or []}
    sessions = set(databases.sessions("writer")) - lent
    known = {one.pid for one in status.processes}
    logins = set(find_descendants(system.pid_of("login-server")))
    strays = set(find_descendants(system.process.pid)) - known - logins
    return [f"session {one}" for one in sessions] + [f"process {one}" for one in strays]


def again(system: System, connection_id: str) -> object:
    """Send a harmless query until it is answered, as any client may after a lost connection."""
    answers: list[object] = []

    def answered() -> bool:
        try:
            with McpClient.http(system) as client:
                answers.append(client.execute(connection_id, "select 3 as n").get("rows"))
        except (httpx2.HTTPError, MCPError, ExceptionGroup):
            # Its gateway died under it; the next one takes the same id.
            return False
        return answers[-1] is not None

    until(answered, within_s=10)
    return answers[-1]
