"""Logins over TLS at a real PostgreSQL 15, by a real login server."""

import secrets
from collections.abc import Iterator
from typing import Final

import msgspec
import pytest

from tests.harness.certificates import Certificate, Certificates
from tests.harness.login_desk import Desk
from tests.harness.postgres_debian import PostgresTlsServer
from tests.harness.waiting import until
from tests.unit.vault.making import ODD_PASSWORDS, Account
from tests.unit.vault.relayed import opened
from wire.lending import CancelStatement, EndSession, LoginDone, LoginFailed, Target, Tls, TryLogin
from wire.names import Auth, ChannelBinding, TlsMode

BOUND: Final[ChannelBinding] = "require"


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with Desk() as made:
        yield made


@pytest.fixture
def account(postgres15: PostgresTlsServer) -> Account:
    return Account(postgres15, f":@/%' \"\\é{secrets.token_urlsafe(12)}")


def over_tls(
    account: Account,
    certificates: Certificates,
    mode: TlsMode = "verify-full",
    *,
    binding: ChannelBinding = "prefer",
    auth: Auth = "scram-sha-256",
    own: Certificate | None = None,
) -> Target:
    tls = Tls(
        mode=mode,
        roots=str(certificates.roots),
        certificate=None if own is None else str(own.chain),
        key=None if own is None else str(own.key),
    )
    return msgspec.structs.replace(account.target, tls=tls, channel_binding=binding, auth=auth)


def tried(desk: Desk, target: Target, password: str) -> LoginDone | LoginFailed:
    outcome = desk.do(TryLogin(target=target, deadline_ms=10_000), password)
    assert isinstance(outcome, LoginDone | LoginFailed)
    return outcome


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
@pytest.mark.parametrize("binding", ["disable", "prefer", "require"])
def test_a_login_works_in_every_mode_and_with_every_binding(
    desk: Desk,
    account: Account,
    certificates: Certificates,
    mode: TlsMode,
    binding: ChannelBinding,
) -> None:
    target = over_tls(account, certificates, mode, binding=binding)

    assert tried(desk, target, account.password) == LoginDone()


@pytest.mark.parametrize("password", ODD_PASSWORDS)
def test_odd_passwords_log_in_bound_to_tls(
    desk: Desk, postgres15: PostgresTlsServer, certificates: Certificates, password: str
) -> None:
    account = Account(postgres15, password)

    assert tried(desk, over_tls(account, certificates, binding=BOUND), password) == LoginDone()


def test_a_wrong_password_is_blamed_over_tls_as_it_is_without(
    desk: Desk, account: Account, certificates: Certificates
) -> None:
    failed = tried(desk, over_tls(account, certificates), "wrong")

    assert isinstance(failed, LoginFailed)
    assert (failed.stage, failed.sqlstate) == ("authenticate", "28P01")
    assert failed.blames_credential


@pytest.mark.parametrize("kind", ["wrong_authority", "wrong_host", "expired"])
def test_a_server_that_is_not_who_it_should_be_is_not_the_credentials_fault(
    desk: Desk, certificates: Certificates, kind: str
) -> None:
    tls = Tls(mode="verify-full", roots=str(certificates.roots))
    with PostgresTlsServer(certificates, certificate=getattr(certificates, kind)) as server:
        target = Target(
            engine="postgresql",
            host=server.host,
            port=server.port,
            database="postgres",
            user="anybody",
            tls=tls,
        )

        failed = tried(desk, target, "swordfish")

    assert isinstance(failed, LoginFailed)
    assert (failed.stage, failed.sqlstate) == ("encrypt", None)
    assert not failed.blames_credential


def test_a_certificate_without_a_hash_is_used_unless_binding_is_required(
    desk: Desk, certificates: Certificates
) -> None:
    with PostgresTlsServer(certificates, certificate=certificates.ed25519) as server:
        account = Account(server, "swordfish")

        done = tried(desk, over_tls(account, certificates), "swordfish")
        failed = tried(desk, over_tls(account, certificates, binding=BOUND), "swordfish")

    assert done == LoginDone()
    assert isinstance(failed, LoginFailed)
    assert (failed.stage, "Ed25519" in failed.sentence) == ("negotiate", True)


def test_the_password_itself_goes_only_to_a_verified_server(
    desk: Desk, account: Account, postgres15: PostgresTlsServer, certificates: Certificates
) -> None:
    postgres15.admin_sql(f"grant in_clear to {account.role}")
    modes: list[TlsMode] = ["require", "verify-ca", "verify-full"]

    outcomes = [
        tried(desk, over_tls(account, certificates, mode, auth="password"), account.password)
        for mode in modes
    ]

    assert isinstance(outcomes[0], LoginFailed)
    assert (outcomes[0].stage, outcomes[0].blames_credential) == ("negotiate", False)
    assert outcomes[1:] == [LoginDone(), LoginDone()]


def test_a_client_certificate_is_shown_beside_the_password(
    desk: Desk, account: Account, postgres15: PostgresTlsServer, certificates: Certificates
) -> None:
    postgres15.admin_sql(f"grant by_certificate to {account.role}")
    own = certificates.client(account.role)
    strange = certificates.strange_client(account.role)

    with_it = tried(desk, over_tls(account, certificates, own=own), account.password)
    without = tried(desk, over_tls(account, certificates), account.password)
    with_another = tried(desk, over_tls(account, certificates, own=strange), account.password)

    assert with_it == LoginDone()
    assert isinstance(without, LoginFailed)
    assert isinstance(with_another, LoginFailed)
    # TLS 1.3 has the client done before the server looks; its word may be lost in the cut.
    assert with_another.stage in {"encrypt", "authenticate"}
    assert not with_another.blames_credential


def test_a_server_that_wants_tls_and_gets_none_is_not_talked_into_less(
    desk: Desk, account: Account, postgres15: PostgresTlsServer, certificates: Certificates
) -> None:
    postgres15.admin_sql(f"grant only_plain to {account.role}")

    failed = tried(desk, over_tls(account, certificates), account.password)

    assert isinstance(failed, LoginFailed)
    assert failed.sqlstate == "28000"
    for word in ("pg_hba.conf", "sslmode", "sslcert"):
        assert word in failed.sentence


def test_a_server_of_before_direct_negotiation_is_refused_in_our_words(
    desk: Desk, account: Account, certificates: Certificates
) -> None:
    tls = Tls(mode="verify-full", roots=str(certificates.roots), is_direct=True)

    failed = tried(desk, msgspec.structs.replace(account.target, tls=tls), account.password)

    assert isinstance(failed, LoginFailed)
    assert (failed.stage, failed.blames_credential) == ("encrypt", False)
    assert "needs PostgreSQL 17" in failed.sentence


def test_a_unix_socket_is_known_by_its_directory(
    desk: Desk, account: Account, postgres15: PostgresTlsServer
) -> None:
    target = msgspec.structs.replace(account.target, host=str(postgres15.socket_directory))

    assert tried(desk, target, account.password) == LoginDone()


def test_a_cancel_goes_over_tls_too_and_ends_the_statement(
    desk: Desk, account: Account, certificates: Certificates
) -> None:
    target = over_tls(account, certificates)
    done, session = opened(desk, target, account.password)
    session.send_query("select pg_sleep(60)")
    until(account.is_busy)
    order = CancelStatement(
        target=target,
        backend_id=done.backend_id,
        cancel_key=done.cancel_key,
        deadline_ms=5_000,
    )

    assert desk.do(order) == LoginDone()

    assert session.sqlstate() == b"57014"
    assert session.value("select 1") == b"1"
    session.close()


def test_a_session_over_tls_is_ended_by_another_login_and_its_relay_with_it(
    desk: Desk, account: Account, certificates: Certificates
) -> None:
    target = over_tls(account, certificates)
    done, session = opened(desk, target, account.password)
    order = EndSession(target=target, backend_id=done.backend_id, deadline_ms=5_000)

    assert desk.do(order, account.password) == LoginDone()

    until(lambda: account.sessions() == 0)
    session.close()
