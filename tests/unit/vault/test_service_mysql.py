"""The vault as a process, and MySQL's family behind it: leases, loans, cancels, and their ends."""

import secrets
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import pytest

from tests.harness.mysql_family import MysqlFamilyServer
from tests.harness.sessions import Session
from tests.harness.vault_alone import Executor, VaultAlone
from tests.harness.waiting import until
from tests.unit.vault.making import ODD_PASSWORDS, VARIABLE, the_settings
from vault.settings import NamedConnection
from wire.control import PeerLeft
from wire.faults import FaultCode
from wire.lending import Interrupt, MysqlSession, NotHandedOver, Tls
from wire.messages import Granted, Refused
from wire.names import Handle, MysqlAuth

QUERY: Final = b"\x03"
FOR_LONG: Final = "select sleep(50)"
PASSWORDS: Final = [one for one in ODD_PASSWORDS if len(one) < 64]


class Account:
    """A user of one test, with a database, whose logins are encrypted and verified."""

    def __init__(self, server: MysqlFamilyServer, password: str) -> None:
        self.server = server
        self.password = password
        self.user = f"u_{secrets.token_hex(4)}"
        server.create_user(self.user, password)
        server.create_database(self.user, self.user)

    def connection(self) -> NamedConnection:
        is_mariadb = self.server.usual_plugin == "mysql_native_password"
        auth: MysqlAuth = "mysql_native_password" if is_mariadb else "caching_sha2_password"
        return NamedConnection(
            engine="mysql",
            host=self.server.host,
            port=self.server.port,
            database=self.user,
            access="read-write",
            variable=VARIABLE,
            auth=auth,
            tls=Tls(mode="verify-full", roots=str(self.server.certificates.roots)),
        )

    def vault(self, password: str | None = None) -> VaultAlone:
        told = self.password if password is None else password
        return VaultAlone(the_settings(self.connection()), {VARIABLE: f"{self.user}:{told}"})

    def runs(self) -> list[str]:
        """Return the statements that run in this user's sessions."""
        rows = self.server.admin_sql(
            "select info from information_schema.processlist where user = %s and info is not null",
            self.user,
        )
        return [str(row[0]) for row in rows]


@pytest.fixture
def account(mysql_family: MysqlFamilyServer) -> Account:
    return Account(mysql_family, secrets.token_urlsafe(12))


@pytest.fixture
def vault(account: Account) -> Iterator[VaultAlone]:
    with account.vault() as made:
        yield made


def lent(vault: VaultAlone, executor: Executor) -> Session:
    return executor.session(vault.open().grants[executor.name])


def ask(session: Session, statement: str) -> None:
    body = QUERY + statement.encode()
    session.socket.send(len(body).to_bytes(3, "little") + b"\0" + body)


def answer(session: Session) -> bytes:
    """Return the first packet of the answer."""
    session.socket.settimeout(15)
    size = int.from_bytes(exactly(session.socket, 4)[:3], "little")
    return exactly(session.socket, size)


def exactly(link: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        part = link.recv(size - len(got))
        assert part, "the connection is closed"
        got += part
    return got


def until_closed(session: Session) -> None:
    session.socket.settimeout(15)
    with suppress(ConnectionResetError):
        while session.socket.recv(4096):
            pass


def test_a_lease_lends_a_connection_that_works(vault: VaultAlone, account: Account) -> None:
    executor = vault.executor()
    granted = vault.open()
    assert granted.engine == "mysql"

    session = executor.session(granted.grants[executor.name])
    ask(session, "do 1")

    assert answer(session)[:1] == b"\0"
    assert isinstance(session.message.session, MysqlSession)
    assert account.server.sessions(account.user) == [session.message.session.backend_id]
    session.close()


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_of_any_kind_logs_in(mysql_family: MysqlFamilyServer, password: str) -> None:
    with Account(mysql_family, password).vault() as vault:
        assert isinstance(vault.try_open(), Granted)


def test_a_wrong_password_opens_no_lease_and_is_not_tried_for_ever(account: Account) -> None:
    with account.vault("another one") as vault:
        answers = [vault.try_open() for _ in range(4)]

        codes = [one.fault.code for one in answers if isinstance(one, Refused)]
        assert codes == [FaultCode.LOGIN_FAILED] * 3 + [FaultCode.LOGIN_PAUSED]


def test_an_executor_can_have_its_own_statement_cancelled_and_no_other_s(
    vault: VaultAlone, account: Account
) -> None:
    executor, other = vault.executor(), vault.executor("executor-2.0000000b")
    session = lent(vault, executor)
    ask(session, FOR_LONG)
    until(lambda: account.runs() == [FOR_LONG])

    other.say(Interrupt(handle=session.message.handle))
    other.say(Interrupt(handle=Handle("guessed")))
    assert vault.report().loans
    assert account.runs() == [FOR_LONG]
    executor.say(Interrupt(handle=session.message.handle))

    answer(session)
    assert account.runs() == []
    session.close()


def test_what_an_executor_ran_ends_with_it(vault: VaultAlone, account: Account) -> None:
    executor = vault.executor()
    session = lent(vault, executor)
    ask(session, FOR_LONG)
    until(lambda: account.runs() == [FOR_LONG])

    vault.vault.say(PeerLeft(role="executor", incarnation=executor.name))

    until_closed(session)
    until(lambda: account.server.sessions(account.user) == [])
    session.close()


def test_a_cancel_with_a_password_that_was_changed_counts_as_a_try_of_it(
    vault: VaultAlone, account: Account
) -> None:
    executor = vault.executor()
    grant = vault.open().grants[executor.name]
    session = executor.session(grant)
    ask(session, FOR_LONG)
    how = account.server.identified(account.server.usual_plugin)
    account.server.admin_sql(f"alter user `{account.user}`@`%%` {how}", "changed")

    executor.say(Interrupt(handle=session.message.handle))
    until(lambda: [row.state for row in vault.report().health] == ["refused"])
    codes = [refusal_of(executor.borrow(grant)) for _ in range(3)]

    # Three tries were refused in all, and the cancel was the first of them.
    assert codes == [FaultCode.LOGIN_FAILED] * 2 + [FaultCode.LOGIN_PAUSED]
    assert account.runs() == [FOR_LONG]
    session.close()


def refusal_of(answer: Session | NotHandedOver | None) -> FaultCode:
    assert isinstance(answer, NotHandedOver)
    return answer.fault.code
