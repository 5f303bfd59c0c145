"""All that can happen to one connection, so that whatever it leaves behind is there to be found."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.harness.clients import McpClient
from tests.harness.databases import Accounts
from tests.harness.system import System
from tests.harness.waiting import until


@dataclass(frozen=True, kw_only=True)
class Eventful:
    """A connection of a running system, and those beside it that never work."""

    system: System
    accounts: Accounts
    sleep: str
    """A statement that takes 20 seconds."""
    failing: Sequence[str] = ()
    """Connections whose logins fail, each in its own way."""

    def live(self, name: str) -> None:
        """Connect, query, fail, cancel, kill, disconnect; a connection stays open and pooled."""
        with McpClient.http(self.system) as client:
            connection_id = client.connect(name)
            for n in range(20):
                client.execute(connection_id, "select :n as n", n=n)
            for other in self.failing:
                answer = client.call("connect_named_storage", connection_name=other)
                assert answer["success"] is False, answer
            self._cancel(client, connection_id, name)
            for role in ("executor", "vault"):
                pid = self.system.kill(role)
                self.system.wait_until_replaced(role, pid)
                works(client, connection_id)
            client.call("disconnect_storage", connection_id=client.connect(name))
            # Most is to be found where something is in use.
            works(client, connection_id)

    def _cancel(self, client: McpClient, connection_id: str, name: str) -> None:
        running = client.begin_execute(connection_id, self.sleep)
        until(lambda: self.accounts.sleepers(name))
        running.cancel()
        until(lambda: not self.accounts.sleepers(name))


def works(client: McpClient, connection_id: str) -> None:
    """Run a statement and see that it works."""
    answer = client.execute(connection_id, "select 1 as one")
    assert answer["success"] is True, answer
