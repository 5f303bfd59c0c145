"""Errands at MySQL: a cancel is a login there, with all that a login counts for."""

from collections.abc import Iterator
from typing import Final

import pytest
from msgspec.structs import replace

from tests.unit.vault.making import EXECUTOR, HANDLE, ODD_PASSWORDS, a_connection, a_pool
from tests.unit.vault.played_logins import USER, PlayedLogin, PlayedLogins
from vault.attempts import FREE_TRIES
from vault.errands import _REACHED
from vault.loans import Loan
from vault.login.refusals import Stage
from wire.faults import FaultCode
from wire.lending import CancelStatement, EndSession, LoginDone, LoginFailed, Tls, TryLogin
from wire.names import Handle

TLS: Final = Tls(mode="verify-ca", roots="/etc/root.pem")
MYSQL: Final = replace(
    a_connection(port=3306), engine="mysql", auth="ed25519", tls=TLS, server_key="/etc/server.pem"
)
PASSWORD: Final = "p:ä@/%' \"\\"
LOAN: Final = Loan(handle=HANDLE, executor=EXECUTOR, pool=a_pool(), backend_id=4711)
REFUSED: Final = LoginFailed(
    stage="authenticate", sentence="No.", sqlstate="28000", errno=1045, blames_credential=True
)


@pytest.fixture
def mysql() -> Iterator[PlayedLogins]:
    with PlayedLogins(MYSQL, PASSWORD) as logins:
        yield logins


def the_next(logins: PlayedLogins) -> PlayedLogin:
    login = logins.next()
    assert login is not None
    return login


def refuse(logins: PlayedLogins, times: int) -> None:
    """Let the password be refused by as many logins."""
    for _ in range(times):
        logins.errands.try_login(logins.connection, 10_000, lambda _outcome: None)
        the_next(logins).say(REFUSED)


@pytest.mark.parametrize("password", ODD_PASSWORDS)
def test_a_cancel_goes_to_the_same_server_in_the_same_way_with_the_password(password: str) -> None:
    with PlayedLogins(MYSQL, password) as logins:
        logins.errands.cancel(LOAN)
        login = the_next(logins)

        assert isinstance(login.order, CancelStatement)
        assert (login.order.backend_id, login.order.cancel_key) == (4711, b"")
        assert login.password == password.encode()
        target = login.order.target
        assert (target.engine, target.host, target.port, target.user) == (
            "mysql",
            "127.0.0.1",
            3306,
            USER,
        )
        assert (target.tls, target.auth, target.server_key) == (TLS, "ed25519", "/etc/server.pem")


def test_a_cancel_at_postgresql_gets_the_key_and_no_password() -> None:
    connection = replace(a_connection(), tls=TLS, channel_binding="require")
    with PlayedLogins(connection, PASSWORD) as logins:
        logins.errands.cancel(replace(LOAN, cancel_key=b"key"))
        login = the_next(logins)

        assert isinstance(login.order, CancelStatement)
        assert login.order.cancel_key == b"key"
        assert (login.order.target.tls, login.order.target.channel_binding) == (TLS, "require")
        assert login.password is None


def test_what_a_session_needs_goes_to_its_own_server_and_says_nothing_of_the_next(
    mysql: PlayedLogins,
) -> None:
    loan = replace(LOAN, address="192.0.2.1")

    for errand in (mysql.errands.cancel, mysql.errands.end_session):
        errand(loan)
        login = the_next(mysql)
        login.say(LoginFailed(stage="connect", sentence="The server could not be reached."))

        assert login.order.target.address == "192.0.2.1"
    assert mysql.errands.refusal(mysql.connection) is None


def test_a_session_is_ended_by_a_login_with_the_password(mysql: PlayedLogins) -> None:
    mysql.errands.end_session(LOAN)
    login = the_next(mysql)

    assert isinstance(login.order, EndSession)
    assert login.order.backend_id == 4711
    assert login.password == PASSWORD.encode()


def test_a_password_that_a_cancel_has_refused_counts_like_any_other(mysql: PlayedLogins) -> None:
    for _ in range(FREE_TRIES):
        mysql.errands.cancel(LOAN)
        the_next(mysql).say(REFUSED)

    refusal = mysql.errands.refusal(MYSQL)
    assert refusal is not None
    assert refusal.code is FaultCode.LOGIN_PAUSED


def test_a_cancel_that_worked_proves_the_password(mysql: PlayedLogins) -> None:
    refuse(mysql, FREE_TRIES - 1)
    mysql.errands.cancel(LOAN)
    the_next(mysql).say(LoginDone())

    refuse(mysql, FREE_TRIES - 1)

    assert mysql.errands.refusal(MYSQL) is None


def test_no_cancel_tries_a_password_that_was_refused_too_often_and_the_log_says_so(
    mysql: PlayedLogins, capfd: pytest.CaptureFixture[str]
) -> None:
    refuse(mysql, FREE_TRIES)

    mysql.errands.cancel(LOAN)
    mysql.errands.end_session(LOAN)

    assert mysql.next() is None
    told = capfd.readouterr().err
    assert "statement_not_cancelled" in told
    assert "session_not_ended" in told


def test_where_refusals_count_for_an_account_its_pause_holds_for_cancels(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with PlayedLogins(replace(MYSQL, account="an account"), PASSWORD) as logins:
        refuse(logins, FREE_TRIES)

        logins.errands.cancel(LOAN)
        logins.errands.end_session(LOAN)

        assert logins.next() is None
    assert "session_not_ended" in capfd.readouterr().err


def test_a_pause_keeps_no_cancel_from_postgresql() -> None:
    with PlayedLogins(a_connection(), PASSWORD) as logins:
        refuse(logins, FREE_TRIES)

        logins.errands.cancel(LOAN)

        assert isinstance(the_next(logins).order, CancelStatement)


def test_a_cancel_does_not_wait_for_logins_that_stall(mysql: PlayedLogins) -> None:
    mysql.errands.try_login(MYSQL, 10_000, lambda _outcome: None)
    mysql.errands.try_login(MYSQL, 10_000, lambda _outcome: None)
    assert isinstance(the_next(mysql).order, TryLogin)
    mysql.errands.cancel(LOAN)

    # The second login waits for the first: nobody knows yet whether the password is right.
    assert isinstance(the_next(mysql).order, CancelStatement)
    assert mysql.next() is None


def test_cancels_of_a_password_that_was_just_refused_are_one_at_a_time(mysql: PlayedLogins) -> None:
    refuse(mysql, 1)

    mysql.errands.cancel(LOAN)
    mysql.errands.cancel(replace(LOAN, handle=Handle("another"), backend_id=4712))
    first = the_next(mysql)

    assert mysql.next() is None
    first.say(REFUSED)
    assert isinstance(the_next(mysql).order, CancelStatement)


def test_the_operator_reads_the_servers_code_and_our_sentence(
    mysql: PlayedLogins, capfd: pytest.CaptureFixture[str]
) -> None:
    refuse(mysql, 1)

    told = capfd.readouterr().err
    for field in ('"connection":"main"', '"stage":"authenticate"', '"sqlstate":"28000"'):
        assert field in told.replace(": ", ":")
    assert '"errno":1045' in told.replace(": ", ":")
    assert '"sentence":"No."' in told.replace(": ", ":")


def test_of_every_stage_it_is_known_whether_the_server_was_reached() -> None:
    assert {stage.value for stage in Stage} == _REACHED | {"target", "connect"}
