import fcntl
import os
import socket
import time
from collections.abc import Callable

import pymysql
import pytest

from executor.adopting import AdoptionError
from executor.borrowing import Borrowed
from executor.mysql.adoption import adopt
from executor.mysql.lent import MysqlConnection
from executor.waiting import Bell, Patience, StoppedError
from tests.harness.mysql9 import Mysql9Server
from tests.unit.executor.mysql_login import MysqlLogin
from tests.unit.executor.standin_vault import open_descriptors
from wire.faults import FaultCode
from wire.lending import MysqlSession, PostgresSession
from wire.names import Handle

SESSION = MysqlSession(backend_id=1, version=b"9.7.0", capabilities=0, charset=45, status=2)

# What the servers say to a client that does not send files, each by its own number.
NO_LOCAL_FILES_MYSQL = 3948
NO_LOCAL_FILES_MARIADB = 4166


def patience(seconds: float = 10.0) -> Patience:
    return Patience(time.monotonic() + seconds)


def nothing() -> None:
    return


def adopted(
    login: MysqlLogin, on_close: Callable[[], None] = nothing
) -> tuple[MysqlConnection, MysqlSession]:
    connection, session = login.log_in()
    assert isinstance(session, MysqlSession)
    borrowed = Borrowed(Handle("h"), session, connection.detach())
    return adopt(borrowed, patience=patience(), on_close=on_close), session


def fetched(connection: MysqlConnection, query: str) -> tuple[object, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


def test_the_driver_works_on_a_session_that_it_did_not_start(mysql_login: MysqlLogin) -> None:
    connection, session = adopted(mysql_login)

    found = fetched(connection, "select substring_index(current_user(), '@', 1), 'é', version()")

    assert found is not None
    assert found[:2] == (mysql_login.user, "é")
    # MariaDB's greeting says 5.5.5 before its version, for clients of old.
    assert str(found[2]).split("-")[0] in connection.server_version
    assert fetched(connection, "select connection_id()") == (session.backend_id,)
    assert connection.server_thread_id == (session.backend_id,)
    assert connection.password == b""
    connection.close()


def test_one_descriptor_is_left_and_it_is_not_inherited(mysql_login: MysqlLogin) -> None:
    before = open_descriptors()

    connection, _ = adopted(mysql_login)

    assert open_descriptors() == before + 1
    flags = fcntl.fcntl(connection.channel.fileno(), fcntl.F_GETFD)
    assert flags & fcntl.FD_CLOEXEC
    connection.close()
    assert open_descriptors() == before


def test_bytes_that_nobody_asked_for_are_refused_and_nothing_is_left_open() -> None:
    before = open_descriptors()
    server, client = socket.socketpair()
    server.sendall(b"\x07")

    with server, pytest.raises(AdoptionError):
        adopt(
            Borrowed(Handle("h"), SESSION, client.detach()),
            patience=patience(),
            on_close=nothing,
        )

    assert open_descriptors() == before


def test_a_session_of_another_protocol_is_refused_and_nothing_is_left_open() -> None:
    session = PostgresSession(backend_id=1, parameters=())
    before = open_descriptors()
    server, client = socket.socketpair()

    with server, pytest.raises(AdoptionError):
        adopt(
            Borrowed(Handle("h"), session, client.detach()),
            patience=patience(),
            on_close=nothing,
        )

    assert open_descriptors() == before


@pytest.mark.filterwarnings("ignore:The 'reconnect' argument")
def test_it_never_connects_by_itself(mysql_login: MysqlLogin) -> None:
    connection, session = adopted(mysql_login)
    mysql_login.sql(f"kill {session.backend_id}")

    with pytest.raises(pymysql.err.OperationalError):
        connection.ping(reconnect=True)  # type: ignore[deprecated]  # it has to fail

    with pytest.raises(pymysql.err.OperationalError, match="does not connect"):
        connection.connect()
    connection.close()


def test_no_file_is_ever_sent(mysql_login: MysqlLogin, mysql_table: str) -> None:
    connection, _ = adopted(mysql_login)

    with pytest.raises(pymysql.err.Error) as caught, connection.cursor() as cursor:
        cursor.execute(f"load data local infile '/etc/hostname' into table {mysql_table}")

    is_mysql = isinstance(mysql_login.server, Mysql9Server)
    assert caught.value.args[0] == (NO_LOCAL_FILES_MYSQL if is_mysql else NO_LOCAL_FILES_MARIADB)
    connection.close()


def test_closing_is_said_once(mysql_login: MysqlLogin) -> None:
    said: list[str] = []
    connection, _ = adopted(mysql_login, lambda: said.append("closed"))

    connection.close()
    connection.close()

    assert said == ["closed"]
    assert not connection.open


def test_the_drivers_own_conversations_end_when_the_run_does(mysql_login: MysqlLogin) -> None:
    connection, _ = adopted(mysql_login)
    bell = Bell()
    connection.patience = patience()
    connection.patience.belongs_to(bell)
    connection.patience.stop(FaultCode.CANCELLED)

    with pytest.raises(StoppedError):
        fetched(connection, "select sleep(20)")

    connection.close()
    os.close(bell.fileno())
