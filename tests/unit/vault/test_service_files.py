"""What the vault has to do with SQLite files: it opens leases on them, and nothing else."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from tests.harness.vault_alone import VaultAlone
from tests.unit.vault.making import the_settings
from vault.settings import FileConnection
from wire.faults import FaultCode
from wire.messages import EndLease, Granted, LeaseEnded, ListNamed, Refused, Settled
from wire.names import ConnectionName

SHOP = ConnectionName("shop")


@pytest.fixture
def vault() -> Iterator[VaultAlone]:
    files = {SHOP: FileConnection(database="shop.db", access="read-only")}
    with VaultAlone(replace(the_settings(leases_per_principal=2), files=files), {}) as running:
        yield running


def test_a_lease_on_a_file_needs_no_login_and_has_no_grants(vault: VaultAlone) -> None:
    vault.executor()

    granted = vault.open(name=SHOP)
    minted = vault.mint(granted.connection_id)

    assert granted.engine == "sqlite"
    assert granted.pool.access == "read-only"
    assert isinstance(minted, Granted)
    assert (granted.grants, minted.grants) == ({}, {})
    assert vault.lent_backends() == []


def test_leases_on_files_count_like_any_other(vault: VaultAlone) -> None:
    vault.open(name=SHOP)
    vault.open(name=SHOP)

    refused = vault.try_open(name=SHOP)

    assert isinstance(refused, Refused)
    assert refused.fault.code is FaultCode.LEASE_LIMIT


def test_a_lease_on_a_file_ends_without_asking_executors(vault: VaultAlone) -> None:
    vault.executor()
    granted = vault.open(name=SHOP)
    end = EndLease(
        run_id=vault.run_id(),
        principal=granted.pool.principal,
        connection_id=granted.connection_id,
    )

    answer, _ = vault.ask(end)

    assert isinstance(answer, Settled)
    assert vault.unasked == [LeaseEnded(connection_id=granted.connection_id)]
    assert isinstance(vault.mint(granted.connection_id), Refused)


def test_a_lease_on_a_file_survives_the_vault(vault: VaultAlone) -> None:
    granted = vault.open(name=SHOP)

    vault.restart()

    minted = vault.mint(granted.connection_id)
    assert isinstance(minted, Granted)
    assert minted.engine == "sqlite"


def test_the_list_names_files_without_their_directories(vault: VaultAlone) -> None:
    _, payload = vault.ask(
        ListNamed(run_id=vault.run_id(), principal=vault.open(name=SHOP).pool.principal)
    )

    assert b'"database":"shop.db"' in payload
