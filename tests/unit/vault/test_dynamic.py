"""What a client brings: opened for it alone, tried once, kept like a configured credential."""

import secrets

import pytest
from msgspec.structs import replace

from tests.harness.postgres import PostgresServer
from tests.harness.vault_alone import ALICE, VaultAlone
from tests.harness.waiting import until
from tests.unit.vault.bringing import (
    asking,
    bring,
    brought,
    code_of,
    padded,
    sealed,
    settings,
    where,
)
from tests.unit.vault.making import BOB, ODD_PASSWORDS, Account
from vault.settings import Dynamic
from wire.destination import Destination
from wire.faults import FaultCode
from wire.lending import AllowedTarget, Disposed
from wire.messages import EndLease, Granted, Settled


def test_what_a_client_brings_lends_a_connection_that_works(
    accepting: VaultAlone, account: Account
) -> None:
    executor = accepting.executor()

    granted = brought(accepting, account)
    session = executor.session(granted.grants[executor.name])

    assert session.value("select current_user") == account.role.encode()
    assert granted.pool.access == "read-write"
    session.close()


@pytest.mark.parametrize("password", [one for one in ODD_PASSWORDS if one.strip()])
def test_a_password_of_any_kind_logs_in(
    accepting: VaultAlone, postgres: PostgresServer, password: str
) -> None:
    account = Account(postgres, password)

    assert isinstance(bring(accepting, where(account), password), Granted)


def test_two_clients_never_share_a_pool_nor_does_one_with_itself(
    accepting: VaultAlone, account: Account
) -> None:
    pools = {
        brought(accepting, account, principal=principal).pool.connection
        for principal in (ALICE, ALICE, BOB)
    }

    assert len(pools) == 3
    assert all(name.startswith("dynamic:") for name in pools)


def test_what_a_client_brought_outlives_the_vault_and_its_key_is_the_same(
    accepting: VaultAlone, account: Account
) -> None:
    executor = accepting.executor()
    granted, key = brought(accepting, account), accepting.sealing_key

    for _ in range(2):
        accepting.restart()

        minted = accepting.mint(granted.connection_id)
        assert isinstance(minted, Granted)
        executor.session(minted.grants[executor.name]).close()
    assert accepting.sealing_key == key


def test_it_is_dropped_with_its_lease_and_a_grant_of_it_borrows_nothing(
    accepting: VaultAlone, account: Account
) -> None:
    executor = accepting.executor()
    granted = brought(accepting, account)
    session = executor.session(granted.grants[executor.name])
    end = EndLease(run_id=accepting.run_id(), principal=ALICE, connection_id=granted.connection_id)

    accepting.tell(end)
    assert executor.hear().pool == granted.pool
    session.close()
    executor.say(Disposed(pool=granted.pool))

    assert isinstance(accepting.answer_to(end.run_id)[0], Settled)
    assert code_of(accepting.mint(granted.connection_id)) is FaultCode.INVALID_CONNECTION
    refused = executor.borrow(granted.grants[executor.name])
    assert getattr(refused, "fault").code is FaultCode.GRANT_REFUSED  # noqa: B009 - narrows nothing
    until(lambda: account.sessions() == 0)


def test_where_passwords_are_not_accepted_none_is_tried(account: Account) -> None:
    with VaultAlone(settings(account, accepts=False), account.environment()) as vault:
        answer = bring(vault, where(account), account.password)

        assert code_of(answer) is FaultCode.PLAINTEXT_REFUSED
        assert vault.report().leases == ()


@pytest.mark.parametrize(
    "change",
    [
        {"host": "localhost"},
        {"port": 1},
        {"database": "template1"},
        {"user": "postgres"},
        {"engine": "mysql"},
    ],
)
def test_what_was_sealed_for_another_destination_does_not_open(
    accepting: VaultAlone, account: Account, change: dict[str, object]
) -> None:
    here = where(account)
    fields = {name: getattr(here, name) for name in here.__struct_fields__}
    other = Destination(**{**fields, **change})

    answer = bring(accepting, here, account.password, sealed_for=(other, ALICE))

    assert code_of(answer) is FaultCode.INTERNAL


def test_what_was_sealed_for_another_principal_does_not_open(
    accepting: VaultAlone, account: Account
) -> None:
    here = where(account)

    answer = bring(accepting, here, account.password, principal=BOB, sealed_for=(here, ALICE))

    assert code_of(answer) is FaultCode.INTERNAL


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        padded(b""),
        padded(b"a\0b"),
        padded(b"x" * 1025),
        padded(b"secret")[:-1],
        b"\xff\xff" + bytes(126),
        b"\x00\x06secret",
    ],
)
def test_what_is_no_password_is_refused_after_it_was_opened(
    accepting: VaultAlone, account: Account, plain: bytes
) -> None:
    assert code_of(bring(accepting, where(account), "", plain=plain)) is FaultCode.INTERNAL


@pytest.mark.parametrize("host", ["10.0.0.1", "db.example", "0.0.0.0", "169.254.169.254", "127.1"])  # noqa: S104
def test_a_target_that_is_not_allowed_is_refused_and_nothing_is_tried(
    accepting: VaultAlone, account: Account, host: str
) -> None:
    target = Destination(
        engine="postgresql", host=host, port=5432, database="postgres", user=account.role
    )

    assert code_of(bring(accepting, target, account.password)) is FaultCode.TARGET_REFUSED


def test_a_name_is_checked_by_the_addresses_that_it_has(account: Account) -> None:
    elsewhere = Dynamic(accepts_plaintext=True, targets=(AllowedTarget(network="198.51.100.0/24"),))
    with VaultAlone(replace(settings(account), dynamic=elsewhere), account.environment()) as vault:
        here = where(account)
        named = Destination(
            engine="postgresql",
            host="localhost",
            port=here.port,
            database=here.database,
            user=here.user,
        )

        assert code_of(bring(vault, named, account.password)) is FaultCode.TARGET_REFUSED


def test_wrong_passwords_of_one_account_are_soon_not_tried_and_its_lease_goes_on(
    accepting: VaultAlone, account: Account
) -> None:
    executor = accepting.executor()
    granted = brought(accepting, account)

    codes = [code_of(bring(accepting, where(account), secrets.token_urlsafe(9))) for _ in range(4)]

    assert codes == [FaultCode.LOGIN_FAILED] * 3 + [FaultCode.LOGIN_PAUSED]
    # Whoever has logged in is not held up by guesses, and neither is a configured connection.
    executor.session(granted.grants[executor.name]).close()
    assert isinstance(accepting.try_open(), Granted)


def test_in_no_spelling_and_by_no_two_clients_is_an_account_refused_more_than_three_times(
    accepting: VaultAlone, postgres: PostgresServer, account: Account
) -> None:
    here, another = where(account), Account(postgres, "another")
    hosts = ["127.0.0.1", "localhost", "LocalHost", "::ffff:127.0.0.1", "0::FFFF:7F00:1", "::1"]

    codes = [
        code_of(bring(accepting, replace(here, host=host), "x", principal=principal))
        for principal in (ALICE, BOB)
        for host in hosts
    ]

    assert codes == [FaultCode.LOGIN_FAILED] * 3 + [FaultCode.LOGIN_PAUSED] * 9
    # Nor is the right one tried; another account at that server is.
    right = bring(accepting, here, account.password, principal=BOB)
    assert code_of(right) is FaultCode.LOGIN_PAUSED
    brought(accepting, another, principal=BOB)


def test_wrong_passwords_that_come_at_once_are_three_too_though_a_right_one_came_before(
    accepting: VaultAlone, account: Account
) -> None:
    brought(accepting, account)
    here = where(account)
    questions = [
        asking(accepting, here, sealed(accepting, padded(b"x"), here, ALICE), ALICE)
        for _ in range(8)
    ]

    for question in questions:
        accepting.tell(question)
    codes = [code_of(accepting.answer_to(question.run_id)[0]) for question in questions]

    assert codes == [FaultCode.LOGIN_FAILED] * 3 + [FaultCode.LOGIN_PAUSED] * 5


def test_what_was_opened_does_not_open_again(accepting: VaultAlone, account: Account) -> None:
    here = where(account)
    password = sealed(accepting, padded(account.password.encode()), here, ALICE)

    first, second = (accepting.ask(asking(accepting, here, password, ALICE))[0] for _ in range(2))

    assert isinstance(first, Granted)
    assert code_of(second) is FaultCode.INTERNAL


def test_one_client_cannot_find_out_which_ports_are_open(
    accepting: VaultAlone, account: Account
) -> None:
    targets = [replace(where(account), port=port) for port in range(1, 13)]

    codes = [code_of(bring(accepting, target, "x")) for target in targets]

    assert codes == [FaultCode.DATABASE_UNREACHABLE] * 10 + [FaultCode.LOGIN_PAUSED] * 2
    assert isinstance(bring(accepting, where(account), account.password, principal=BOB), Granted)


def test_what_clients_bring_counts_toward_their_leases(account: Account) -> None:
    with VaultAlone(settings(account, leases=2), account.environment()) as vault:
        brought(vault, account)
        vault.open()

        answer = bring(vault, where(account), account.password)

        assert code_of(answer) is FaultCode.LEASE_LIMIT


def test_no_configured_name_leads_to_what_a_client_brought(
    accepting: VaultAlone, account: Account
) -> None:
    name = brought(accepting, account).pool.connection

    answer = accepting.try_open(name=name)

    assert code_of(answer) is FaultCode.UNKNOWN_CONNECTION_NAME
