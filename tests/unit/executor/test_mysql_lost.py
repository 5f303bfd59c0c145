"""What becomes of a statement whose connection is lost while the server works on it."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.fault_proxy import FaultProxy
from tests.harness.waiting import until
from tests.unit.executor.mysql_login import SETTLED_S, MysqlLogin
from tests.unit.executor.standin_vault import StandInVault
from tests.unit.executor.statement_bench import StatementBench, a_mysql_bench, fault, rows
from wire.lending import Interrupt, Returned

ROWS = 60


class CarriedLogin(MysqlLogin):
    """Logs in by way of a proxy, as a session in TLS goes by way of its relay."""

    def __init__(self, login: MysqlLogin, proxy: FaultProxy) -> None:
        super().__init__(login.server, login.user, login._password)
        self._proxy = proxy

    def _dial(self) -> socket.socket:
        return socket.create_connection((self._proxy.host, self._proxy.port), timeout=SETTLED_S)


@pytest.fixture
def carrier(mysql_login: MysqlLogin) -> Iterator[FaultProxy]:
    with FaultProxy(mysql_login.server.port) as made:
        yield made


@pytest.fixture
def carrying_vault(mysql_login: MysqlLogin, carrier: FaultProxy) -> Iterator[StandInVault]:
    with StandInVault(CarriedLogin(mysql_login, carrier)) as made:
        yield made


@pytest.fixture
def carried_bench(carrying_vault: StandInVault, adopt_dir: Path) -> Iterator[StatementBench]:
    with a_mysql_bench(carrying_vault.executors_end(), adopt_dir) as made:
        yield made


def is_running(login: MysqlLogin, words: str) -> Callable[[], bool]:
    return lambda: bool(
        login.sql(
            "select 1 from information_schema.processlist where command = 'Query' "
            f"and info like '{words}%'"
        )
    )


def test_a_busy_statement_is_ended_at_the_server_when_only_its_carrier_has_died(
    carried_bench: StatementBench,
    carrier: FaultProxy,
    carrying_vault: StandInVault,
    mysql_login: MysqlLogin,
    mysql_table: str,
) -> None:
    mysql_login.sql(f"insert into {mysql_table} values " + ", ".join(["(1)"] * ROWS))
    words, t = f"insert into {mysql_table} select a.n from", mysql_table
    asked = carried_bench.start(f"{words} {t} a, {t} b, {t} c, {t} d, {t} e")
    until(is_running(mysql_login, words))

    carrier.cut()

    assert fault(asked.answer()) == {"code": "connection_lost", "may_have_run": True}
    assert carrying_vault.next_of(Interrupt).handle == carrying_vault.lent[0]
    assert carrying_vault.next_of(Returned).handles == (carrying_vault.lent[0],)
    until(lambda: not is_running(mysql_login, words)())
    assert mysql_login.sql(f"select count(*) from {mysql_table}") == [(ROWS,)]


def test_a_connection_that_is_lost_between_two_statements_has_nothing_to_be_ended(
    carried_bench: StatementBench, carrier: FaultProxy, carrying_vault: StandInVault
) -> None:
    carried_bench.ask("select 1 as n")
    carrier.cut()

    assert rows(carried_bench.ask("select 2 as n")) == [{"n": 2}]

    heard = list(carrying_vault.heard.queue)
    assert len(carrying_vault.lent) == 2
    assert [one for one in heard if isinstance(one, Interrupt)] == []
