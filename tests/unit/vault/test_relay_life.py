"""A login that stays as a relay: what it has, what it outlives, and with whom it ends."""

import base64
import fcntl
import os
import secrets
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from console.scan.needles import Extra
from console.scan.report import Suspect
from tests.harness.certificates import Certificates
from tests.harness.children import until_gone
from tests.harness.login_desk import Desk
from tests.harness.memory import assert_nowhere, private_numbers, scram_derivatives
from tests.harness.postgres_debian import PostgresTlsServer
from tests.harness.waiting import until
from tests.unit.vault.making import Account
from tests.unit.vault.relayed import opened
from tests.unit.vault.test_login_server import descriptors_of
from wire.lending import Target, Tls

MANY_ROWS = 10_000
PATIENCE_S = 10.0


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk(spares=1) as made:
        yield made


@pytest.fixture
def account(postgres15: PostgresTlsServer) -> Account:
    return Account(postgres15, secrets.token_urlsafe(24))


@pytest.fixture
def target(account: Account, certificates: Certificates) -> Target:
    tls = Tls(mode="verify-full", roots=str(certificates.roots))
    return msgspec.structs.replace(account.target, tls=tls)


def read_all(source: socket.socket) -> bytes:
    source.settimeout(PATIENCE_S)
    return b"".join(iter(lambda: source.recv(65536), b""))


def relay_of(desk: Desk) -> int:
    return desk.pids[0]


def test_a_relayed_session_works_and_its_server_sees_tls(
    desk: Desk, account: Account, target: Target
) -> None:
    done, session = opened(desk, target, account.password)

    assert session.message.session.backend_id == done.backend_id
    assert int(session.value("select pg_backend_pid()")) == done.backend_id
    mine = "from pg_stat_ssl where pid = pg_backend_pid()"
    assert session.value(f"select ssl::text {mine}") == b"true"
    assert not session.has_pending_bytes()
    session.close()


def test_the_executor_gets_one_end_of_a_pair_and_no_way_to_the_server(
    desk: Desk, account: Account, target: Target
) -> None:
    _, session = opened(desk, target, account.password)

    assert session.socket.family == socket.AF_UNIX
    assert session.socket.type == socket.SOCK_STREAM
    assert fcntl.fcntl(session.socket, fcntl.F_GETFL) & os.O_NONBLOCK
    assert fcntl.fcntl(session.socket, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    session.close()


def test_a_large_result_comes_whole(desk: Desk, account: Account, target: Target) -> None:
    _, session = opened(desk, target, account.password)

    session.send_query(f"select repeat('x', 1000) || n from generate_series(1, {MANY_ROWS}) n")

    rows = [body for kind, body in session.answer() if kind == b"D"]
    assert [int(body[1006:]) for body in rows] == list(range(1, MANY_ROWS + 1))
    session.close()


def test_a_relay_has_its_two_sides_and_the_death_pipe_and_nothing_else(
    desk: Desk, account: Account, target: Target
) -> None:
    _, session = opened(desk, target, account.password)

    expected = ["pipe:[N]", "socket:[N]", "socket:[N]"]
    until(lambda: sorted(descriptors_of(relay_of(desk))) == expected)
    session.close()


def test_a_relay_ends_with_its_executor_and_the_session_with_both(
    desk: Desk, account: Account, target: Target
) -> None:
    _, session = opened(desk, target, account.password)

    session.close()

    until_gone(relay_of(desk))
    until(lambda: account.sessions() == 0)


def test_a_relay_ends_with_its_server(desk: Desk, account: Account, target: Target) -> None:
    done, session = opened(desk, target, account.password)

    account.server.admin_sql(f"select pg_terminate_backend({done.backend_id})")

    assert b"C57P01\0" in read_all(session.socket)
    session.close()
    until_gone(relay_of(desk))


def test_a_killed_relay_is_the_end_of_the_session_at_both_sides(
    desk: Desk, account: Account, target: Target
) -> None:
    _, session = opened(desk, target, account.password)

    os.kill(relay_of(desk), signal.SIGKILL)

    assert read_all(session.socket) == b""
    until(lambda: account.sessions() == 0)
    session.close()


def test_a_relay_outlives_vault_and_login_server(account: Account, target: Target) -> None:
    with Desk(spares=1) as desk:
        _, session = opened(desk, target, account.password)
        # The vault's sockets are closed already: that of this login, and now that to its server.
        desk.server.kill()
        desk.link.close()

        assert session.value("select 1") == b"1"
        assert not desk.desk.counts().running
        assert Path(f"/proc/{relay_of(desk)}").exists()
        session.close()
        until_gone(relay_of(desk))


def test_a_relay_outlives_the_deadline_of_its_login_and_the_alarm_behind_that(
    desk: Desk, account: Account, target: Target
) -> None:
    _, session = opened(desk, target, account.password, deadline_ms=2_000)

    assert session.value("select 'slept' from pg_sleep(3.2)") == b"slept"
    session.close()


def test_a_relay_ends_with_the_supervisor(desk: Desk, account: Account, target: Target) -> None:
    _, session = opened(desk, target, account.password)

    desk.lose_supervisor()

    until_gone(relay_of(desk))
    until(lambda: account.sessions() == 0)
    session.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="reading other processes needs root")
def test_a_relay_has_neither_password_nor_private_key(
    desk: Desk, account: Account, certificates: Certificates
) -> None:
    own = certificates.client(account.role)
    tls = Tls(
        mode="verify-full",
        roots=str(certificates.roots),
        certificate=str(own.chain),
        key=str(own.key),
    )
    target = msgspec.structs.replace(account.target, tls=tls)
    _, session = opened(desk, target, account.password)
    assert session.value("select 1") == b"1"

    suspects = [Suspect(relay_of(desk), "login")]
    secrets_of_it = [*private_numbers(own.key), *derived(account)]
    assert_nowhere(suspects, account.password.encode(), extra=secrets_of_it)
    session.close()


def derived(account: Account) -> list[Extra]:
    """Return what SCRAM makes of the password with this role's salt."""
    stored = account.server.admin_sql(
        f"select rolpassword from pg_authid where rolname = '{account.role}'"
    )
    # SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>
    iterations, salt = str(stored[0][0]).split("$")[1].split(":")
    return scram_derivatives(
        account.password.encode(), salt=base64.b64decode(salt), iterations=int(iterations)
    )
