"""How a lease is: told to its principal, for the asking, and after its end for a while."""

import msgspec

from tests.harness.vault_alone import ALICE, VaultAlone
from tests.harness.waiting import until
from tests.unit.vault.making import BOB, Account, the_settings
from vault.settings import FileConnection, VaultSettings
from wire.faults import Fault, FaultCode
from wire.messages import EndLease, Refused, Settled, TellLease, Used
from wire.names import ConnectionId, ConnectionName, Principal
from wire.usage import Usage

Fields = dict[str, object]

USAGE = Usage(
    since_s=60.04,
    statements=7,
    rows=900,
    bytes=12_345,
    errors=1,
    last_fault=FaultCode.DEADLINE,
    last_used_s=0.26,
    running=1,
    waiting=2,
)


def look(
    vault: VaultAlone,
    connection_id: ConnectionId,
    *,
    principal: Principal = ALICE,
    usage: Usage = USAGE,
) -> Fields | Fault:
    question = TellLease(
        run_id=vault.run_id(), principal=principal, connection_id=connection_id, usage=usage
    )
    answer, payload = vault.ask(question)
    if isinstance(answer, Refused):
        return answer.fault
    assert isinstance(answer, Settled)
    found = msgspec.json.decode(payload, type=dict[str, object])["structuredContent"]
    assert isinstance(found, dict)
    return found


def seen(vault: VaultAlone, connection_id: ConnectionId) -> Fields:
    found = look(vault, connection_id)
    assert isinstance(found, dict), found
    return found


def test_a_lease_is_shown_with_the_routers_count(vault: VaultAlone, account: Account) -> None:
    granted = vault.open()

    found = seen(vault, granted.connection_id)

    assert found["connection_id"] == granted.connection_id
    assert (found["connection_name"], found["host"]) == ("main", account.server.host)
    assert found["usage"] == {
        "since_s": 60.0,
        "statements": 7,
        "rows": 900,
        "bytes": 12_345,
        "errors": 1,
        "last_fault": "deadline",
        "last_used_s": 0.3,
        "running": 1,
        "waiting": 2,
    }


def test_what_is_lent_for_a_lease_is_counted_until_it_is_returned(vault: VaultAlone) -> None:
    executor = vault.executor()
    granted = vault.open()
    session = executor.session(granted.grants[executor.name])

    lent = seen(vault, granted.connection_id)["pool"]
    session.close()

    assert lent == {"open": 1, "limit": 32}


def test_what_was_never_counted_is_left_out(vault: VaultAlone) -> None:
    found = look(vault, vault.open().connection_id, usage=Usage())

    assert isinstance(found, dict)
    usage = found["usage"]
    assert isinstance(usage, dict)
    assert not {"last_fault", "last_used_s"} & usage.keys()


def test_a_lease_on_a_file_has_no_pool_and_no_health() -> None:
    with VaultAlone(a_file(), {}) as vault:
        granted = vault.open(name="books")

        found = seen(vault, granted.connection_id)

    assert (found["type"], found["database"]) == ("sqlite", "books.db")
    assert found["health"] == {"state": "unknown"}
    assert "pool" not in found


def a_file() -> VaultSettings:
    books = FileConnection(database="books.db", access="read-only")
    return msgspec.structs.replace(the_settings(), files={ConnectionName("books"): books})


def test_somebody_elses_lease_is_one_that_never_was(vault: VaultAlone) -> None:
    granted = vault.open()

    foreign = look(vault, granted.connection_id, principal=BOB)

    assert (
        foreign == look(vault, ConnectionId("x" * 43)) == Fault(code=FaultCode.INVALID_CONNECTION)
    )


def test_looking_is_no_use_and_afterwards_its_principal_alone_hears_that_it_has_expired(
    account: Account,
) -> None:
    settings = the_settings(account.connection(), lease_idle_ms=1_000)
    with VaultAlone(settings, account.environment()) as vault:
        granted = vault.open()

        until(lambda: isinstance(look(vault, granted.connection_id), Fault), within_s=10)

        expired = Fault(
            code=FaultCode.CONNECTION_EXPIRED,
            message="The connection ID has expired: it was not used for 1 second",
            hint="Call connect_named_storage again to get a new connection_id.",
        )
        end = EndLease(run_id=vault.run_id(), principal=ALICE, connection_id=granted.connection_id)
        assert look(vault, granted.connection_id) == expired
        minted = vault.mint(granted.connection_id)
        assert isinstance(minted, Refused)
        assert minted.fault == expired
        assert vault.ask(end)[0] == Refused(run_id=end.run_id, fault=expired)
        assert look(vault, granted.connection_id, principal=BOB) == Fault(
            code=FaultCode.INVALID_CONNECTION
        )


def test_a_lease_that_is_used_lives_on(account: Account) -> None:
    settings = the_settings(account.connection(), lease_idle_ms=2_000)
    with VaultAlone(settings, account.environment()) as vault:
        granted = vault.open()
        before = expiry(seen(vault, granted.connection_id))
        until(lambda: expiry(seen(vault, granted.connection_id)) < before)

        vault.tell(Used(connection_ids=(granted.connection_id,)))

        until(lambda: expiry(seen(vault, granted.connection_id)) >= before)


def expiry(found: Fields) -> float:
    left = found["expiry"]
    assert isinstance(left, dict)
    return float(left["idle_in_s"])


def test_too_many_leases_are_refused_with_the_number(account: Account) -> None:
    settings = the_settings(account.connection(), leases_per_principal=1)
    with VaultAlone(settings, account.environment()) as vault:
        vault.open()

        refused = vault.try_open()

    assert isinstance(refused, Refused)
    assert refused.fault.sentence == "The limit of 1 open connection IDs of one client is reached"
