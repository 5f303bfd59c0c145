"""Executors that ask for more than they use, change their minds, or talk without end."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.harness.sessions import Session, take_handover
from tests.harness.vault_alone import Executor, VaultAlone
from tests.unit.vault.making import Account, the_settings
from vault.borrows import UNSETTLED_MAX
from vault.conduct import SLIPS_MAX
from wire.control import EndPeer
from wire.lending import Borrow, NotHandedOver, Withdrawn
from wire.packets import socket_pair


@pytest.fixture
def narrow(account: Account) -> Iterator[VaultAlone]:
    """A vault that lends one connection at a time."""
    settings = the_settings(account.connection(), connections_per_principal=1)
    with VaultAlone(settings, account.environment()) as running:
        yield running


def ask(stack: ExitStack, executor: Executor, grant: bytes, number: int) -> None:
    """Ask for a connection that nobody will accept."""
    ours, theirs = socket_pair()
    stack.enter_context(ours)
    with theirs:
        borrow = Borrow(grant=grant, number=number, deadline_ms=15_000)
        executor.say(borrow, (theirs.fileno(),))


def test_what_was_withdrawn_counts_no_more_when_the_next_is_asked_for(narrow: VaultAlone) -> None:
    executor = narrow.executor()
    grant = narrow.open().grants[executor.name]
    with ExitStack() as stack:
        for number in range(3):
            ask(stack, executor, grant, number)
            executor.say(Withdrawn(number=number))

        session = executor.session(grant)

        refused = executor.borrow(grant)
        assert isinstance(refused, NotHandedOver)
        session.close()


def test_withdrawing_what_another_executor_asked_for_does_nothing(narrow: VaultAlone) -> None:
    executor, other = narrow.executor(), narrow.executor("executor-2.0000000b")
    grants = narrow.open().grants
    ours, theirs = socket_pair()
    with ours:
        with theirs:
            borrow = Borrow(grant=grants[executor.name], number=7, deadline_ms=15_000)
            executor.say(borrow, (theirs.fileno(),))
        other.say(Withdrawn(number=7))

        session = take_handover(ours)

    assert isinstance(session, Session)
    session.close()


def test_an_executor_that_takes_nothing_of_what_it_asks_for_is_ended(vault: VaultAlone) -> None:
    liar, honest = vault.executor("executor-2.0000000b"), vault.executor()
    grants = vault.open().grants
    with ExitStack() as stack:
        for number in range(UNSETTLED_MAX + 1):
            ask(stack, liar, grants[liar.name], number)

        assert vault.vault.hear(EndPeer).incarnation == liar.name
        vault.lose(liar)
        honest.session(grants[honest.name]).close()


def test_an_executor_that_talks_nonsense_without_end_is_ended_and_fills_no_log(
    account: Account, capfd: pytest.CaptureFixture[str]
) -> None:
    # Not the fixture's vault: what is started in a fixture writes where capfd does not read.
    with VaultAlone(the_settings(account.connection()), account.environment()) as vault:
        liar, honest = vault.executor("executor-2.0000000b"), vault.executor()
        grants = vault.open().grants
        for _ in range(SLIPS_MAX):
            liar.say_bytes(b"nonsense")

        assert vault.vault.hear(EndPeer).incarnation == liar.name
        honest.session(grants[honest.name]).close()

    said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    malformed = [one for one in said if one["event"] == "malformed_message"]
    assert 1 <= len(malformed) <= SLIPS_MAX // 2
    assert [one["executor"] for one in said if one["event"] == "executor_misbehaves"] == [liar.name]
