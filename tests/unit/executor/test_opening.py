"""A lent session that ends before it is taken over: nothing has run, and we are not to blame."""

import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from executor.borrowing import VaultLink
from tests.unit.executor.standin_vault import Login, StandInVault, open_descriptors
from tests.unit.executor.statement_bench import StatementBench, fault, rows
from wire.lending import PostgresSession, Returned, Session


class Ending:
    """Logs in; the server ends the first session before anybody takes it over."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._ends_next = True

    def log_in(self) -> tuple[socket.socket, PostgresSession]:
        connection, session = self._login.log_in()
        if self._ends_next:
            self._ends_next = False
            self._login.server.admin_sql(f"select pg_terminate_backend({session.backend_id})")
            closed = select.poll()
            closed.register(connection, select.POLLRDHUP)
            assert closed.poll(10_000)
        return connection, session

    def cancel(self, session: Session) -> None:
        self._login.cancel(session)


@pytest.fixture
def vault(login: Login) -> Iterator[StandInVault]:
    with StandInVault(Ending(login)) as made:
        yield made


def test_a_session_that_has_ended_already_is_given_back_and_the_next_one_works(
    vault: StandInVault, link: VaultLink, adopt_dir: Path
) -> None:
    bench = StatementBench(link, adopt_dir)
    before = open_descriptors()

    ended = bench.ask("select 1 as n")

    assert fault(ended)["code"] == "unavailable"
    assert vault.next_of(Returned).handles == (vault.lent[0],)
    assert open_descriptors() == before
    assert rows(bench.ask("select 2 as n")) == [{"n": 2}]
    bench.close()
