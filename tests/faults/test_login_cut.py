"""The network cuts a login between any two of its messages, and nothing of it is left behind.

The database is real, and so is all of ours; between the two is a proxy that resets connections.
"""

import base64
import os
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.harness.certificates import Certificates
from tests.harness.clients import McpClient, fault_of
from tests.harness.databases import Accounts, Databases
from tests.harness.eventful import works
from tests.harness.fault_proxy import NO_FAULTS, FaultProxy, Faults
from tests.harness.memory import find_descendants
from tests.harness.mysql9 import Mysql9Server
from tests.harness.mysql_databases import MysqlDatabases
from tests.harness.mysql_family import MysqlFamilyServer
from tests.harness.postgres_debian import PostgresTlsServer
from tests.harness.processes import descriptors_of
from tests.harness.system import System
from tests.harness.waiting import settled, until
from vault.login import mysql, mysql_authentication, postgres, postgres_authentication
from vault.login.carrier import Carrier
from vault.login.refusals import Stage
from vault.login.steps import LoggedIn, Receive, Step
from wire.lending import Tls

pytestmark = pytest.mark.faults

SERVERS: Final = ("postgres15", "mariadb", "mysql9")
PATIENCE_S: Final = 10.0
FAILS: Final = {"login_failed", "connection_lost", "unavailable", "database_unreachable"}
"""What a statement hears: the last three where the connection broke before it was its turn, the
very last where it did so before the login had looked."""


@dataclass(frozen=True, kw_only=True)
class Road:
    """A connection called `main`, by way of a proxy."""

    accounts: Accounts
    proxy: FaultProxy
    roots: str

    def cuts(self) -> list[Faults]:
        """Return a cut for each end of a message, up and down, in a login that works.

        None is before the first byte: there the server would count as one that is not reached.
        """
        tls = Tls(mode="verify-full", roots=self.roots)
        carrier = Carrier(deadline=time.monotonic() + PATIENCE_S, lifelines=(), tls=tls)
        carrier.connect(self.proxy.host, self.proxy.port)
        found: dict[Faults, None] = {}
        before_up, before_down = self.proxy.passed_bytes

        def noted(machine: Generator[Step, bytes, LoggedIn]) -> Generator[Step, bytes, LoggedIn]:
            step = next(machine)
            while True:
                answer = yield step
                if isinstance(step, Receive):
                    up, down = self.proxy.passed_bytes
                    if up > before_up:
                        found[Faults(cut_after_up_bytes=up - before_up)] = None
                    if down > before_down:
                        found[Faults(cut_after_down_bytes=down - before_down)] = None
                try:
                    step = machine.send(answer)
                except StopIteration as end:
                    return LoggedIn(session=end.value.session)

        carrier.drive(noted(self._login()), Stage.AUTHENTICATE)
        assert carrier.socket is not None
        carrier.socket.close()
        return list(found)

    def _login(self) -> Generator[Step, bytes, LoggedIn]:
        role, password = self.accounts.role("main"), self.accounts.passwords["main"]
        given = bytearray(password.encode())
        if isinstance(self.accounts, MysqlDatabases):
            return mysql.log_in(
                mysql.MysqlTarget(user=role, database=role),
                given,
                terms=mysql_authentication.Terms(
                    minimum="mysql_native_password",
                    starts_tls=True,
                    is_verified=True,
                    server_key=None,
                ),
            )
        return postgres.log_in(
            postgres.PostgresTarget(user=role, database="postgres", application_name="strongroom"),
            given,
            nonce=base64.b64encode(os.urandom(18)).decode(),
            terms=postgres_authentication.Terms(
                minimum="scram-sha-256", starts_tls=True, is_verified=True
            ),
        )


def accounts_of(
    server: PostgresTlsServer | MysqlFamilyServer, certificates: Certificates
) -> Accounts:
    tls = {"sslmode": "verify-full", "sslrootcert": str(certificates.roots)}
    if isinstance(server, MysqlFamilyServer):
        on_mysql = MysqlDatabases(server)
        plugin = "caching_sha2_password" if isinstance(server, Mysql9Server) else "ed25519"
        on_mysql.add("main", plugin=plugin, **tls)
        return on_mysql
    on_postgres = Databases(server)
    on_postgres.add("main", **tls)
    return on_postgres


@pytest.fixture(params=SERVERS)
def road(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[Road]:
    server = request.getfixturevalue(request.param)
    accounts = accounts_of(server, certificates)
    with FaultProxy(server.port) as proxy:
        accounts.connections["main"]["port"] = proxy.port
        yield Road(accounts=accounts, proxy=proxy, roots=str(certificates.roots))


@pytest.fixture
def system(road: Road) -> Iterator[System]:
    with System(
        configuration={"connections": road.accounts.connections},
        credentials=road.accounts.environment,
        executors=1,
    ) as running:
        yield running


def held(system: System) -> dict[str, int]:
    """Return how much our processes have."""
    status = system.status()
    roles = ("vault", "login-server", "executor")
    return {
        **{role: len(descriptors_of(system.pid_of(role))) for role in roles},
        "logins": len(find_descendants(system.pid_of("login-server"))),
        "logins under way": sum(int(str(one)) for one in (status.logins or {}).values()),
        "loans": len(status.loans or []),
    }


@pytest.mark.timeout(120)
def test_a_login_that_is_cut_between_any_two_messages_leaves_nothing_behind(
    road: Road, system: System
) -> None:
    with McpClient.http(system) as client:
        # The first login at MySQL takes the long way, and all others the short one.
        connection_id = client.connect("main")
        works(client, connection_id)
        cuts = road.cuts()
        client.call("disconnect_storage", connection_id=connection_id)
        # A login that is forked anew is for a moment neither here nor there.
        at_first = settled(lambda: held_without_sessions(road, system))
        connection_id = client.connect("main")

        for cut in cuts:
            road.proxy.faults = cut
            fault = fault_of(client.execute(connection_id, "select 1"))
            assert fault["code"] in FAILS, (cut, fault)
            assert road.accounts.passwords["main"] not in str(fault)

        until(lambda: held_without_sessions(road, system) == at_first)
        road.proxy.faults = NO_FAULTS
        # A server that counts as away is tried again after a moment.
        until(lambda: "rows" in client.execute(connection_id, "select 1"))
    # At least one before TLS, and one behind the proof.
    assert len(cuts) >= 2


def held_without_sessions(road: Road, system: System) -> dict[str, int] | None:
    """Return what is held, when nothing is lent and no login is under way."""
    found = held(system)
    is_quiet = not (found["loans"] or found["logins under way"] or road.accounts.sessions("main"))
    return found if is_quiet else None
