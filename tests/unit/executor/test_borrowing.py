import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from executor.borrowing import DEATHS_MAX, Borrowed, VaultLink
from executor.waiting import Bell, Patience, StoppedError
from tests.harness.waiting import until
from tests.unit.executor.standin_vault import Login, StandInVault, open_descriptors
from tests.unit.executor.statement_bench import a_pool
from wire.codec import FROM_BORROWER
from wire.faults import Fault, FaultCode, RefusedError
from wire.lending import Borrow, Dispose, Disposed, FromBorrower, Holding, Returned, Withdrawn
from wire.packets import PeerGoneError, receive_packet, socket_pair


def patience(seconds: float = 10.0) -> Patience:
    return Patience(time.monotonic() + seconds)


def give_back(link: VaultLink, borrowed: Borrowed) -> None:
    os.close(borrowed.descriptor)
    link.returned(borrowed.handle)


def test_a_borrowed_connection_is_held_until_it_is_returned(
    link: VaultLink, vault: StandInVault, login: Login
) -> None:
    borrowed = link.borrow(b"grant", patience())

    assert vault.next_of(Borrow).grant == b"grant"
    assert borrowed.session.backend_id == vault.backend(borrowed.handle)
    with StandInVault(login) as second:
        link.connect(second.executors_end())
        assert second.next_of(Holding).handles == (borrowed.handle,)
        give_back(link, borrowed)
        assert second.next_of(Returned).handles == (borrowed.handle,)


def test_the_vaults_refusal_is_the_borrowers(link: VaultLink, vault: StandInVault) -> None:
    vault.refuses = lambda _borrow: Fault(code=FaultCode.LOGIN_PAUSED)

    with pytest.raises(RefusedError) as caught:
        link.borrow(b"grant", patience())

    assert caught.value.fault.code is FaultCode.LOGIN_PAUSED


def test_a_login_that_died_is_asked_for_again(link: VaultLink, vault: StandInVault) -> None:
    vault.logins_to_kill = 1

    borrowed = link.borrow(b"grant", patience())

    until(lambda: vault.lent == [borrowed.handle])
    give_back(link, borrowed)


def test_logins_that_always_die_are_not_asked_for_for_ever(
    link: VaultLink, vault: StandInVault
) -> None:
    vault.logins_to_kill = DEATHS_MAX

    with pytest.raises(RefusedError) as caught:
        link.borrow(b"grant", patience())

    assert caught.value.fault.code is FaultCode.UNAVAILABLE
    assert vault.logins_to_kill == 0


def test_a_borrower_waits_for_the_next_vault(
    link: VaultLink, vault: StandInVault, login: Login
) -> None:
    vault.die()
    with pytest.raises(PeerGoneError):
        link.hear()
    link.disconnect()

    with ThreadPoolExecutor(1) as threads, StandInVault(login) as second:
        borrowing = threads.submit(link.borrow, b"grant", patience())
        link.connect(second.executors_end())
        borrowed = borrowing.result(10)

        until(lambda: second.lent == [borrowed.handle])
        give_back(link, borrowed)


def test_a_vault_that_dies_over_a_request_is_followed_by_the_next(
    link: VaultLink, vault: StandInVault, login: Login
) -> None:
    asked = threading.Event()

    def die(_borrow: Borrow) -> None:
        asked.set()
        raise PeerGoneError

    vault.refuses = die
    with ThreadPoolExecutor(1) as threads, StandInVault(login) as second:
        borrowing = threads.submit(link.borrow, b"grant", patience())
        assert asked.wait(10)
        link.disconnect()
        link.connect(second.executors_end())
        borrowed = borrowing.result(10)

        until(lambda: second.lent == [borrowed.handle])
        give_back(link, borrowed)


def test_without_a_vault_a_borrower_gives_up_at_its_deadline() -> None:
    with pytest.raises(RefusedError) as caught:
        VaultLink().borrow(b"grant", patience(0.05))

    assert caught.value.fault.code is FaultCode.UNAVAILABLE


def test_a_stopped_borrower_stops_waiting_for_a_vault() -> None:
    link, waiting = VaultLink(), patience()

    with ThreadPoolExecutor(1) as threads:
        borrowing = threads.submit(link.borrow, b"grant", waiting)
        waiting.stop(FaultCode.CANCELLED)
        link.wake()

        with pytest.raises(StoppedError):
            borrowing.result(10)


def test_a_stopped_borrower_stops_waiting_for_a_login_and_does_not_keep_its_session(
    link: VaultLink, vault: StandInVault, login: Login
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def hold(_borrow: Borrow) -> None:
        reached.set()
        go_on.wait(10)

    vault.refuses = hold
    waiting, bell = patience(), Bell()
    waiting.belongs_to(bell)
    with ThreadPoolExecutor(1) as threads:
        borrowing = threads.submit(link.borrow, b"grant", waiting)
        reached.wait(10)
        waiting.stop(FaultCode.CANCELLED)
        with pytest.raises(StoppedError):
            borrowing.result(10)
    go_on.set()

    asked = vault.next_of(Borrow)
    assert vault.next_of(Withdrawn).number == asked.number
    assert vault.lent == []
    until(lambda: not sessions(login))
    os.close(bell.fileno())


def sessions(login: Login) -> list[tuple[object, ...]]:
    return login.server.admin_sql(
        f"select pid from pg_stat_activity where usename = '{login.user}'"
    )


def test_a_refusal_with_descriptors_leaves_none_open(link: VaultLink, vault: StandInVault) -> None:
    vault.refuses = lambda _borrow: Fault(code=FaultCode.LOGIN_FAILED)
    before = open_descriptors()

    with pytest.raises(RefusedError):
        link.borrow(b"grant", patience())

    vault.next_of(Borrow)
    assert open_descriptors() == before


def test_a_vault_that_does_not_read_keeps_nobody_waiting_and_misses_nothing() -> None:
    link, (ours, theirs) = VaultLink(), socket_pair()
    pools = [a_pool(principal=f"p{n}") for n in range(2000)]
    link.connect(ours.detach())

    for pool in pools:
        link.disposed(pool)

    assert link.has_unsaid()
    heard: list[FromBorrower] = []
    with theirs:
        while len(heard) <= len(pools):
            heard.append(FROM_BORROWER.decode(receive_packet(theirs).content))
            link.flush()
    assert heard == [Holding(handles=()), *(Disposed(pool=pool) for pool in pools)]
    assert not link.has_unsaid()
    link.disconnect()


def test_what_the_vault_says_is_heard(link: VaultLink, vault: StandInVault) -> None:
    vault.tell(Dispose(pool=a_pool()))

    assert until(link.hear) == Dispose(pool=a_pool())
    assert link.hear() is None
