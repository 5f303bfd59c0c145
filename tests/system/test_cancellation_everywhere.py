"""Whoever stops a statement, the database stops with it, on every kind of server.

What was stopped has its connection closed: nothing late may reach who comes next.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from tests.harness.clients import McpClient, fault_of
from tests.harness.databases import Accounts
from tests.harness.interop import KINDS, Interop, is_here
from tests.harness.server_fixtures import programs_or_skip
from tests.harness.system import System
from tests.harness.waiting import until

EVERYWHERE: Final = (
    "pg15_bound",
    "pg15_socket",
    "pg18",
    "bouncer",
    "maria_signed",
    "maria_plain",
    "maria_socket",
    "mysql9_cached",
    "mysql9_keyed",
)
NOTICED_S: Final = 3.0
"""A second is aimed at; the machine may have other things to do."""


@pytest.fixture(scope="module")
def interop(request: pytest.FixtureRequest) -> Iterator[Interop]:
    certificates, upstream = map(request.getfixturevalue, ("certificates", "postgres"))
    made = Interop(certificates)
    for name in EVERYWHERE:
        if is_here(KINDS[name]):
            made.add(name, request.getfixturevalue(KINDS[name].fixture), upstream)
    yield made
    made.remove()


@contextmanager
def a_system(interop: Interop, **limits: int) -> Iterator[System]:
    configuration = {"connections": interop.connections, "limits": limits}
    with System(configuration=configuration, credentials=interop.environment) as running:
        yield running


@pytest.fixture(scope="module")
def patient(interop: Interop) -> Iterator[System]:
    """A system whose deadline comes after every test."""
    with a_system(interop, statementSeconds=60) as running:
        yield running


@pytest.fixture(scope="module")
def hasty(interop: Interop) -> Iterator[System]:
    with a_system(interop, statementSeconds=1) as running:
        yield running


@pytest.fixture(scope="module")
def on_streams(patient: System) -> Iterator[McpClient]:
    """A client whose every cancel is a `notifications/cancelled`."""
    with McpClient.stdio(str(patient.run_dir), env=patient.environment()) as made:
        yield made


@pytest.fixture(params=EVERYWHERE)
def name(request: pytest.FixtureRequest) -> str:
    made = str(request.param)
    if (programs := KINDS[made].programs) is not None:
        programs_or_skip(programs)
    return made


@pytest.fixture
def accounts(name: str, interop: Interop) -> Accounts:
    return interop.accounts[name]


def sleep(name: str) -> str:
    return "select sleep(30)" if KINDS[name].engine == "mysql" else "select pg_sleep(30)"


def loans(system: System, name: str) -> set[str]:
    """Return the connections that executors have for the connection of that name."""
    found = system.status().loans or []
    return {str(loan["handle"]) for loan in found if loan["connection"] == name}


def require_closed_and_working(
    system: System, client: McpClient, connection_id: str, name: str, before: set[str]
) -> None:
    """Fail unless the one connection of *before* is given back, and the id works on another."""
    assert len(before) == 1
    until(lambda: not before & loans(system, name))
    assert client.execute(connection_id, "select 1 as n")["rows"] == [{"n": 1}]
    assert not before & loans(system, name)
    leave_nothing(system, client, connection_id, name)


def leave_nothing(system: System, client: McpClient, connection_id: str, name: str) -> None:
    """Give the id back, and with it every connection that another test would find."""
    client.call("disconnect_storage", connection_id=connection_id)
    until(lambda: not loans(system, name))


def test_at_the_deadline_the_statement_ends_at_the_database(
    name: str, hasty: System, accounts: Accounts
) -> None:
    with McpClient.http(hasty) as client:
        connection_id = client.connect(name)
        running = client.begin_execute(connection_id, sleep(name))
        until(lambda: accounts.sleepers(name))
        before = loans(hasty, name)

        answer = running.result(10)

        assert fault_of(answer)["code"] == "deadline"
        assert not accounts.sleepers(name)
        require_closed_and_working(hasty, client, connection_id, name, before)


def test_a_cancelled_notification_ends_the_statement_at_the_database(
    name: str, patient: System, on_streams: McpClient, accounts: Accounts
) -> None:
    connection_id = on_streams.connect(name)
    running = on_streams.begin_execute(connection_id, sleep(name))
    until(lambda: accounts.sleepers(name))
    before = loans(patient, name)

    running.cancel()

    until(lambda: not accounts.sleepers(name), within_s=NOTICED_S)
    require_closed_and_working(patient, on_streams, connection_id, name, before)


def test_a_client_that_disconnects_ends_its_statement_at_the_database(
    name: str, patient: System, accounts: Accounts
) -> None:
    with McpClient.http(patient) as leaving, McpClient.http(patient) as staying:
        connection_id = leaving.connect(name)
        leaving.begin_execute(connection_id, sleep(name))
        until(lambda: accounts.sleepers(name))
        before = loans(patient, name)

        leaving.leave()

        until(lambda: not accounts.sleepers(name), within_s=NOTICED_S)
        require_closed_and_working(patient, staying, connection_id, name, before)


@pytest.mark.parametrize(
    "name", ["pg15_bound", "bouncer", "maria_signed", "mysql9_cached"], indirect=True
)
def test_one_clients_cancel_leaves_the_statement_of_another_alone(
    name: str, patient: System, on_streams: McpClient, accounts: Accounts
) -> None:
    slow = "sleep(1)" if KINDS[name].engine == "mysql" else "pg_sleep(1)"
    with McpClient.http(patient) as other:
        stopped_id, kept_id = on_streams.connect(name), other.connect(name)
        stopped = on_streams.begin_execute(stopped_id, sleep(name))
        kept = other.begin_execute(kept_id, f"select 7 as n from (select {slow}) as slow")
        until(lambda: len(loans(patient, name)) == 2 and accounts.sleepers(name))

        stopped.cancel()

        assert kept.result(10)["rows"] == [{"n": 7}]
        until(lambda: not accounts.sleepers(name), within_s=NOTICED_S)
        other.call("disconnect_storage", connection_id=kept_id)
        leave_nothing(patient, on_streams, stopped_id, name)
