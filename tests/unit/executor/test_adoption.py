import fcntl
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg import pq

from executor.adopting import AdoptionError
from executor.borrowing import Borrowed
from executor.postgresql.adoption import PATH_MAX_BYTES, Adopter, forget_environment
from executor.postgresql.lent import LentConnection
from executor.waiting import Bell, Patience, StoppedError
from tests.unit.executor.standin_vault import Login, open_descriptors
from wire.faults import FaultCode
from wire.lending import PostgresSession
from wire.names import Handle


def patience(seconds: float = 10.0) -> Patience:
    return Patience(time.monotonic() + seconds)


def nothing() -> None:
    return


def borrowed_from(login: Login) -> Borrowed:
    connection, session = login.log_in()
    return Borrowed(Handle("h"), session, connection.detach())


def adopted(
    login: Login, directory: Path, on_close: Callable[[], None] = nothing
) -> LentConnection:
    return Adopter(directory).adopt(borrowed_from(login), patience=patience(), on_close=on_close)


def test_the_driver_works_on_a_session_that_it_did_not_start(login: Login, adopt_dir: Path) -> None:
    borrowed = borrowed_from(login)

    connection = Adopter(adopt_dir).adopt(borrowed, patience=patience(), on_close=nothing)

    row = connection.execute("select current_user::text, pg_backend_pid(), 'é'").fetchone()
    assert row == (login.user, borrowed.session.backend_id, "é")
    assert connection.pgconn.server_version >= 100_000
    assert connection.pgconn.backend_pid == borrowed.session.backend_id
    assert connection.pgconn.password == b""
    connection.close()


def test_one_descriptor_is_left_and_it_is_not_inherited(login: Login, adopt_dir: Path) -> None:
    before = open_descriptors()

    connection = adopted(login, adopt_dir)

    assert open_descriptors() == before + 1
    flags = fcntl.fcntl(connection.pgconn.socket, fcntl.F_GETFD)
    assert flags & fcntl.FD_CLOEXEC
    view = socket.socket(fileno=os.dup(connection.pgconn.socket))
    assert view.family == socket.AF_INET
    view.close()
    connection.close()
    assert open_descriptors() == before
    assert list(adopt_dir.iterdir()) == []


def test_the_environment_does_not_matter(
    login: Login, adopt_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for option in pq.Conninfo.get_defaults():
        if option.envvar is not None and option.envvar != b"PGSERVICE":
            monkeypatch.setenv(option.envvar.decode(), "disturbing")

    connection = adopted(login, adopt_dir)

    assert connection.execute("select 1").fetchone() == (1,)
    connection.close()


def test_the_one_variable_that_no_connection_string_outdoes_is_taken_away(
    login: Login, adopt_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSERVICE", "nowhere")
    monkeypatch.setenv("PGHOST", "nowhere")

    forget_environment()

    assert not [name for name in os.environ if name.startswith("PG")]
    adopted(login, adopt_dir).close()


def test_a_socket_that_a_killed_process_left_is_in_nobodys_way(
    login: Login, adopt_dir: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(os.fspath(adopt_dir / ".s.PGSQL.1"))

    adopted(login, adopt_dir).close()

    assert list(adopt_dir.iterdir()) == []


def test_bytes_that_nobody_asked_for_are_refused_and_nothing_is_left_open(
    adopt_dir: Path,
) -> None:
    before = open_descriptors()
    server, client = socket.socketpair()
    server.sendall(b"N")
    session = PostgresSession(parameters=(), backend_id=1)

    with server, pytest.raises(AdoptionError):
        Adopter(adopt_dir).adopt(
            Borrowed(Handle("h"), session, client.detach()), patience=patience(), on_close=nothing
        )

    assert open_descriptors() == before


@pytest.mark.parametrize("parameters", [((b"a\0", b""),), ((b"a", b"x" * 10_000),) * 100])
def test_a_session_that_the_driver_cannot_take_leaves_nothing_open(
    adopt_dir: Path, parameters: tuple[tuple[bytes, bytes], ...]
) -> None:
    before = open_descriptors()
    server, client = socket.socketpair()
    session = PostgresSession(parameters=parameters, backend_id=1)

    with server, pytest.raises(AdoptionError):
        Adopter(adopt_dir).adopt(
            Borrowed(Handle("h"), session, client.detach()), patience=patience(), on_close=nothing
        )

    assert open_descriptors() == before
    assert list(adopt_dir.iterdir()) == []


def test_a_directory_whose_path_is_too_long_is_refused_at_once() -> None:
    with pytest.raises(AdoptionError, match="too long"):
        Adopter(Path("/" + "d" * PATH_MAX_BYTES))


def test_closing_is_said_once(login: Login, adopt_dir: Path) -> None:
    said: list[str] = []
    connection = adopted(login, adopt_dir, lambda: said.append("closed"))

    connection.close()
    connection.close()

    assert said == ["closed"]


def test_the_drivers_own_conversations_end_when_the_run_does(login: Login, adopt_dir: Path) -> None:
    connection = adopted(login, adopt_dir)
    bell = Bell()
    connection.patience = patience()
    connection.patience.belongs_to(bell)
    connection.patience.stop(FaultCode.CANCELLED)

    with pytest.raises(StoppedError):
        connection.execute("select pg_sleep(20)")

    connection.close()
    os.close(bell.fileno())
