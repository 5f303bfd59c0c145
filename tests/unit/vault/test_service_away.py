"""A vault whose database is away: what the router and an executor are told, and how soon."""

import socket
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from tests.harness.recording import recorded_at
from tests.harness.vault_alone import VaultAlone
from tests.harness.waiting import until
from tests.unit.vault.making import Account, the_settings
from wire.faults import Fault, FaultCode
from wire.lending import NotHandedOver
from wire.messages import Granted, Refused


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A port that nobody else can take, and where nobody listens yet."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


@pytest.fixture
def vault(account: Account, silent: socket.socket) -> Iterator[VaultAlone]:
    elsewhere = replace(account.connection(), port=int(silent.getsockname()[1]))
    with VaultAlone(the_settings(elsewhere), account.environment()) as running:
        yield running


def fault_of(answer: object) -> Fault:
    assert isinstance(answer, Refused | NotHandedOver)
    return answer.fault


def is_told_when(fault: Fault) -> bool:
    return (fault.hint or "").startswith("It is tried again in ")


def test_whoever_connects_is_told_when_it_is_tried_again_and_gets_in_when_it_is_back(
    vault: VaultAlone, account: Account, silent: socket.socket
) -> None:
    faults = [fault_of(vault.try_open()) for _ in range(2)]

    with recorded_at(silent, account.server.host, account.server.port):
        assert until(lambda: isinstance(vault.try_open(), Granted), within_s=10)

    assert [fault.code for fault in faults] == [FaultCode.DATABASE_UNREACHABLE] * 2
    assert all(map(is_told_when, faults))


def test_an_executor_that_borrows_is_told_too(
    vault: VaultAlone, account: Account, silent: socket.socket
) -> None:
    executor = vault.executor()
    with recorded_at(silent, account.server.host, account.server.port):
        grant = vault.open().grants[executor.name]

    tried = fault_of(executor.borrow(grant))

    assert tried.code is FaultCode.DATABASE_UNREACHABLE
    # The first pauses are over before a busy machine can ask a second time.
    assert until(lambda: is_told_when(fault_of(executor.borrow(grant))), within_s=10)
    assert vault.lent_backends() == []
