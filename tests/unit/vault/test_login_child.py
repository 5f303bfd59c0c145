"""One login after another, by a real login server, at a real database server."""

import fcntl
import os
import signal
import socket
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from tests.harness.children import until_gone
from tests.harness.login_desk import Desk
from tests.harness.postgres import PostgresServer
from tests.harness.sessions import Session, take_handover
from tests.harness.waiting import until
from tests.unit.vault.making import HANDLE, ODD_PASSWORDS, Account
from vault.jobs import DIED
from wire.faults import FaultCode
from wire.lending import (
    CancelStatement,
    Delivered,
    EndSession,
    LoginDone,
    LoginFailed,
    NotHandedOver,
    PostgresSession,
)
from wire.packets import socket_pair


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as made:
        yield made


def opened(desk: Desk, account: Account) -> tuple[LoginDone, Session]:
    """Return a session that was handed over and accepted."""
    ours, theirs = socket_pair()
    with ours, theirs:
        desk.submit(account.open_order(), account.password, theirs)
        done = desk.outcome()
        assert isinstance(done, LoginDone)
        session = take_handover(ours)
    assert isinstance(session, Session)
    assert desk.outcome() == Delivered()
    return done, session


def test_a_session_is_handed_over_as_one_descriptor_that_works(
    desk: Desk, account: Account
) -> None:
    done, session = opened(desk, account)

    assert session.value("select current_user") == account.role.encode()
    assert session.message.handle == HANDLE
    handed = session.message.session
    assert isinstance(handed, PostgresSession)
    assert handed.backend_id == done.backend_id
    assert int(session.value("select pg_backend_pid()")) == done.backend_id
    assert dict(handed.parameters)[b"server_encoding"] == b"UTF8"
    assert not session.has_pending_bytes()
    session.close()


def test_the_handed_over_socket_is_set_up_for_its_life(desk: Desk, account: Account) -> None:
    _, session = opened(desk, account)
    handed = session.socket
    descriptor = handed.fileno()

    assert fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_NONBLOCK
    assert fcntl.fcntl(descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    assert handed.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert handed.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert handed.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) > 0
    session.close()


def test_an_executor_that_does_not_accept_is_not_waited_for_to_the_end(
    desk: Desk, account: Account
) -> None:
    ours, theirs = socket_pair()
    with ours, theirs:
        desk.submit(account.open_order(deadline_ms=60_000), account.password, theirs)
        assert isinstance(desk.outcome(), LoginDone)
        session = take_handover(ours, accept=False)
        assert isinstance(session, Session)

        failed = desk.outcome()

    assert isinstance(failed, LoginFailed)
    assert failed.stage == "hand_over"
    session.close()


def test_a_login_that_only_hands_over_keeps_no_other_waiting(account: Account) -> None:
    ours, theirs = socket_pair()
    with Desk(proceeds=False) as desk, ours, theirs:
        # A credential that has not worked yet is tried by one login at a time.
        desk.submit(account.open_order(), account.password, theirs)
        assert isinstance(desk.outcome(), LoginDone)

        assert desk.do(account.try_order(), account.password) == LoginDone()


def test_the_cancel_key_stays_with_the_vault(desk: Desk, account: Account) -> None:
    done, session = opened(desk, account)

    assert len(done.cancel_key) >= 4
    assert done.cancel_key not in repr(session.message).encode()
    session.close()


def test_a_session_ends_with_its_socket_for_the_login_has_exited(
    desk: Desk, account: Account
) -> None:
    _, session = opened(desk, account)
    until_gone(desk.pids[0])

    session.close()

    until(lambda: account.sessions() == 0)


def test_a_try_leaves_no_session(desk: Desk, account: Account) -> None:
    assert desk.do(account.try_order(), account.password) == LoginDone()

    until(lambda: account.sessions() == 0)


@pytest.mark.parametrize("password", ODD_PASSWORDS)
def test_odd_passwords_log_in(desk: Desk, postgres: PostgresServer, password: str) -> None:
    account = Account(postgres, password)

    assert desk.do(account.try_order(), password) == LoginDone()


def test_a_cancel_ends_the_statement_and_not_the_session(desk: Desk, account: Account) -> None:
    done, session = opened(desk, account)
    session.send_query("select pg_sleep(60)")
    until(account.is_busy)
    order = CancelStatement(
        target=account.target,
        backend_id=done.backend_id,
        cancel_key=done.cancel_key,
        deadline_ms=5_000,
    )

    assert desk.do(order) == LoginDone()

    assert session.sqlstate() == b"57014"
    assert session.value("select 1") == b"1"
    session.close()


def test_a_cancel_goes_where_the_session_is_whatever_its_host_s_name_leads_to(
    desk: Desk, account: Account
) -> None:
    done, session = opened(desk, account)
    session.send_query("select pg_sleep(60)")
    until(account.is_busy)
    moved = replace(account.target, host="moved.invalid", address=done.address)
    order = CancelStatement(
        target=moved,
        backend_id=done.backend_id,
        cancel_key=done.cancel_key,
        deadline_ms=5_000,
    )

    assert desk.do(order) == LoginDone()

    assert done.address == account.target.host
    assert session.sqlstate() == b"57014"
    session.close()


def test_a_cancel_with_a_wrong_key_ends_nothing(desk: Desk, account: Account) -> None:
    done, session = opened(desk, account)
    session.send_query("select pg_sleep(0.5), 7")
    wrong = bytes(byte ^ 1 for byte in done.cancel_key)

    desk.do(
        CancelStatement(
            target=account.target,
            backend_id=done.backend_id,
            cancel_key=wrong,
            deadline_ms=5_000,
        )
    )

    assert [kind for kind, _ in session.answer()] == [b"T", b"D", b"C", b"Z"]
    session.close()


def test_a_session_can_be_ended_by_another_login_of_its_user(desk: Desk, account: Account) -> None:
    done, session = opened(desk, account)
    session.send_query("select pg_sleep(60)")
    until(account.is_busy)
    order = EndSession(target=account.target, backend_id=done.backend_id, deadline_ms=5_000)

    assert desk.do(order, account.password) == LoginDone()

    until(lambda: account.sessions() == 0)
    session.close()


def test_a_wrong_password_is_blamed_and_named_by_stage_and_sqlstate(
    desk: Desk, account: Account
) -> None:
    failed = desk.do(account.try_order(), "wrong " + account.password)

    assert isinstance(failed, LoginFailed)
    assert (failed.stage, failed.sqlstate) == ("authenticate", "28P01")
    assert failed.blames_credential
    assert account.password not in failed.sentence


def test_the_executor_hears_that_a_login_failed_and_not_why(desk: Desk, account: Account) -> None:
    ours, theirs = socket_pair()
    with ours:
        with theirs:
            desk.submit(account.open_order(), "wrong", theirs)
        assert isinstance(desk.outcome(), LoginFailed)

        refused = take_handover(ours)

        assert isinstance(refused, NotHandedOver)
        assert refused.fault.code is FaultCode.LOGIN_FAILED
        assert (refused.fault.message, refused.fault.sqlstate) == (None, None)


def test_a_session_that_is_not_on_record_is_not_handed_over(account: Account) -> None:
    ours, theirs = socket_pair()
    with Desk(proceeds=False) as desk, ours:
        with theirs:
            desk.submit(account.open_order(), account.password, theirs)
        assert isinstance(desk.outcome(), LoginDone)
        desk.desk.dismiss(HANDLE)

        assert take_handover(ours) is None
        until_gone(desk.pids[0])
        until(lambda: account.sessions() == 0)


def test_a_login_that_dies_before_it_may_proceed_is_an_outcome_and_nothing_else(
    account: Account,
) -> None:
    ours, theirs = socket_pair()
    with Desk(proceeds=False) as desk, ours, theirs:
        desk.submit(account.open_order(), account.password, theirs)
        assert isinstance(desk.outcome(), LoginDone)
        os.kill(desk.pids[0], signal.SIGKILL)
        until_gone(desk.pids[0])

        desk.desk.proceed(HANDLE)

        assert desk.outcome() == DIED
        until(lambda: account.sessions() == 0)


def test_an_executor_that_is_gone_at_the_hand_over_leaves_no_session(
    desk: Desk, account: Account
) -> None:
    ours, theirs = socket_pair()
    with theirs:
        desk.submit(account.open_order(), account.password, theirs)
    ours.close()
    assert isinstance(desk.outcome(), LoginDone)

    failed = desk.outcome()

    assert isinstance(failed, LoginFailed)
    assert (failed.stage, failed.blames_credential) == ("hand_over", False)
    until(lambda: account.sessions() == 0)


def test_an_executor_that_takes_and_never_accepts_ends_the_login_by_its_deadline(
    desk: Desk, account: Account
) -> None:
    ours, theirs = socket_pair()
    with ours:
        with theirs:
            desk.submit(account.open_order(deadline_ms=700), account.password, theirs)
        assert isinstance(desk.outcome(), LoginDone)
        session = take_handover(ours, accept=False)

        assert desk.outcome() == DIED
        assert isinstance(session, Session)
        session.close()
