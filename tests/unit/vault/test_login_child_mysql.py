"""What a login does at MySQL and MariaDB: in TLS and without, on sockets and on addresses."""

import secrets
from collections.abc import Iterator

import pytest

from tests.harness.certificates import Certificates
from tests.harness.login_desk import Desk
from tests.harness.mysql_family import MysqlFamilyServer
from tests.harness.sessions import Session
from tests.harness.waiting import until
from tests.unit.vault.making import ODD_PASSWORDS
from tests.unit.vault.relayed import opened
from wire.lending import (
    CancelStatement,
    EndSession,
    LoginDone,
    LoginFailed,
    MysqlSession,
    Target,
    Tls,
    TryLogin,
)

QUERY = b"\x03"
INTERRUPTED = (1317).to_bytes(2, "little")

# MySQL takes none that is longer.
HASHED = [password for password in ODD_PASSWORDS if len(password) <= 256]


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with Desk() as made:
        yield made


class Person:
    """A user with a database of one test, and how to reach both."""

    def __init__(
        self, server: MysqlFamilyServer, certificates: Certificates, password: str
    ) -> None:
        self.server = server
        self.password = password
        self.name = f"login_{secrets.token_hex(4)}"
        server.create_user(self.name, password)
        server.create_database(self.name, self.name)
        self.tls = Tls(mode="verify-full", roots=str(certificates.roots))

    def target(self, *, host: str | None = None, tls: Tls | None = None) -> Target:
        return Target(
            engine="mysql",
            host=host or self.server.host,
            port=self.server.port,
            database=self.name,
            user=self.name,
            auth="mysql_native_password",
            tls=tls,
        )


@pytest.fixture
def person(mysql_family: MysqlFamilyServer, certificates: Certificates) -> Person:
    return Person(mysql_family, certificates, f":@/%' \"\\é{secrets.token_urlsafe(12)}")


def tried(desk: Desk, target: Target, password: str) -> object:
    return desk.do(TryLogin(target=target, deadline_ms=10_000), password)


def send_query(session: Session, statement: bytes) -> None:
    body = QUERY + statement
    session.socket.send(len(body).to_bytes(3, "little") + b"\0" + body)


def packet(session: Session) -> bytes:
    header = session._exactly(4)
    return session._exactly(int.from_bytes(header[:3], "little"))


@pytest.mark.parametrize("password", HASHED)
def test_odd_passwords_log_in_and_out_over_tls(
    desk: Desk, mysql_family: MysqlFamilyServer, certificates: Certificates, password: str
) -> None:
    person = Person(mysql_family, certificates, password)

    assert tried(desk, person.target(tls=person.tls), password) == LoginDone()

    until(lambda: not mysql_family.sessions(person.name))


def test_a_wrong_password_is_blamed_and_named_by_number(desk: Desk, person: Person) -> None:
    failed = tried(desk, person.target(tls=person.tls), "wrong")

    assert isinstance(failed, LoginFailed)
    assert (failed.stage, failed.sqlstate, failed.errno) == ("authenticate", "28000", 1045)
    assert failed.blames_credential


def test_a_locked_account_is_blamed_whatever_its_sqlstate(desk: Desk, person: Person) -> None:
    person.server.admin_sql(f"alter user {person.name} account lock")

    failed = tried(desk, person.target(tls=person.tls), person.password)

    assert isinstance(failed, LoginFailed)
    assert failed.errno in {3118, 4151}
    assert failed.blames_credential


def test_a_session_over_tls_is_handed_over_and_works(desk: Desk, person: Person) -> None:
    done, session = opened(desk, person.target(tls=person.tls), person.password)
    handed = session.message.session

    send_query(session, b"select connection_id()")
    assert packet(session) == b"\x01"
    packet(session)  # the column
    packet(session)  # the end of the columns
    row = packet(session)

    assert isinstance(handed, MysqlSession)
    assert handed.backend_id == done.backend_id == int(row[1:])
    session.close()


def test_a_cancel_logs_in_by_itself_and_ends_the_statement(desk: Desk, person: Person) -> None:
    target = person.target(tls=person.tls)
    done, session = opened(desk, target, person.password)
    send_query(session, b"select sleep(60) from information_schema.tables")
    until(lambda: _runs(person))
    order = CancelStatement(target=target, backend_id=done.backend_id, deadline_ms=5_000)

    assert desk.do(order, person.password) == LoginDone()

    said = packet(session)
    while said[:3] != b"\xff" + INTERRUPTED:
        said = packet(session)
    session.close()
    until(lambda: not person.server.sessions(person.name))


def test_a_session_is_ended_by_another_login_of_its_user(desk: Desk, person: Person) -> None:
    target = person.target(tls=person.tls)
    done, session = opened(desk, target, person.password)
    order = EndSession(target=target, backend_id=done.backend_id, deadline_ms=5_000)

    assert desk.do(order, person.password) == LoginDone()

    until(lambda: not person.server.sessions(person.name))
    session.close()


def test_a_unix_socket_is_known_by_its_own_path(desk: Desk, person: Person) -> None:
    # Its salted proof only: no password, and no socket, is proof enough of who the server is.
    path = person.server.socket_path

    outcome = tried(desk, person.target(host=str(path)), person.password)

    if person.server.usual_plugin == "mysql_native_password":
        assert outcome == LoginDone()
    else:
        assert isinstance(outcome, LoginFailed)
        assert outcome.stage in {"negotiate", "authenticate"}


def test_the_directory_of_a_unix_socket_is_not_taken_for_the_socket(
    desk: Desk, person: Person
) -> None:
    directory = person.server.socket_path.parent

    failed = tried(desk, person.target(host=str(directory)), person.password)

    assert isinstance(failed, LoginFailed)
    assert failed.stage == "connect"
    assert "is a directory" in failed.sentence


def test_a_login_of_the_other_engine_is_refused_before_it_begins(
    desk: Desk, person: Person
) -> None:
    target = Target(
        engine="mysql",
        host=person.server.host,
        port=person.server.port,
        database=person.name,
        user=person.name,
    )

    failed = tried(desk, target, person.password)

    assert isinstance(failed, LoginFailed)
    assert "another engine" in failed.sentence


def _runs(person: Person) -> bool:
    rows = person.server.admin_sql(
        "select count(*) from information_schema.processlist "
        f"where user = '{person.name}' and info like 'select sleep%'"
    )
    return int(str(rows[0][0])) == 1
