"""The login server and its spares: what they hold, and with whom they end."""

import os
import re
import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from tests.harness.children import Child, until_gone
from tests.harness.login_desk import Desk
from tests.harness.memory import find_descendants
from tests.harness.waiting import until
from vault.jobs import DIED, DISMISSED, LATE
from wire.codec import LOGIN_JOB, encode
from wire.control import Finish, Pair, Ready
from wire.lending import LoginFailed, OpenSession, Spare, Target, TryLogin
from wire.names import Handle, Incarnation
from wire.packets import close_all, receive_packet, socket_pair


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as made:
        yield made


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def a_try(port: int, *, host: str = "127.0.0.1", deadline_ms: int = 10_000) -> TryLogin:
    return TryLogin(target=a_target(port, host=host), deadline_ms=deadline_ms)


def a_target(port: int, *, host: str = "127.0.0.1") -> Target:
    return Target(engine="postgresql", host=host, port=port, database="main", user="somebody")


def descriptors_of(pid: int) -> list[str]:
    """Return what a process has open beside its standard streams."""
    try:
        found = sorted(Path(f"/proc/{pid}/fd").iterdir(), key=lambda one: int(one.name))
    except PermissionError:
        pytest.skip("only root may look at a process that is not dumpable")
    names = []
    for one in found:
        # It may have been closed since it was listed.
        with suppress(FileNotFoundError):
            names.append(re.sub(r"\d+", "N", str(one.readlink())))
    return names[3:] if names[:3] == [os.devnull] * 3 else names


def until_it_has_only(pid: int, names: list[str]) -> None:
    until(lambda: sorted(descriptors_of(pid)) == names)


def test_a_spare_has_its_socket_and_the_death_pipe_and_nothing_else(desk: Desk) -> None:
    # It is offered while it still closes what it inherited, and reads its job only then.
    for pid in desk.pids:
        until_it_has_only(pid, ["pipe:[N]", "socket:[N]"])


def test_a_spare_can_be_neither_dumped_nor_traced(desk: Desk) -> None:
    status = Path(f"/proc/{desk.pids[0]}/status").read_text()
    limits = Path(f"/proc/{desk.pids[0]}/limits").read_text()

    assert "NoNewPrivs:\t1" in status
    assert re.search(r"Max core file size +0 +0 ", limits)


def test_a_spare_that_is_used_is_replaced(desk: Desk) -> None:
    assert isinstance(desk.do(a_try(1)), LoginFailed)

    desk.wait_for(lambda: len(desk.pids) == 3)

    assert len(set(desk.pids)) == 3


def test_a_spare_that_died_while_it_waited_costs_no_job(desk: Desk) -> None:
    os.kill(desk.pids[0], signal.SIGKILL)
    until_gone(desk.pids[0])

    failed = desk.do(a_try(1), "secret")

    assert isinstance(failed, LoginFailed)
    assert failed.stage == "connect"


def test_a_server_that_cannot_be_reached_is_told_from_one_that_refuses(desk: Desk) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        failed = desk.do(a_try(int(probe.getsockname()[1])), "secret")

    assert isinstance(failed, LoginFailed)
    assert (failed.stage, failed.sqlstate, failed.blames_credential) == ("connect", None, False)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "/no/such/directory", "\x00", "a" * 300])
def test_a_host_that_is_none_is_a_failure_to_connect(desk: Desk, host: str) -> None:
    failed = desk.do(a_try(5432, host=host), "secret")

    assert isinstance(failed, LoginFailed)
    assert failed.stage == "connect"


def test_a_server_that_never_answers_is_given_up_at_the_deadline(
    desk: Desk, deaf_port: int
) -> None:
    failed = desk.do(a_try(deaf_port, deadline_ms=300), "secret")

    assert isinstance(failed, LoginFailed)
    assert "time allowed" in failed.sentence
    until_gone(desk.pids[0])


def test_a_login_ends_when_the_vault_is_gone(desk: Desk, deaf_port: int) -> None:
    desk.submit(a_try(deaf_port), "secret")
    (login,) = desk.desk._running

    login.close()

    until_gone(desk.pids[0])
    desk.desk._running.clear()
    desk._watched.clear()


def test_a_login_ends_when_the_supervisor_is_gone(desk: Desk, deaf_port: int) -> None:
    desk.submit(a_try(deaf_port), "secret")

    desk.lose_supervisor()

    assert desk.outcome() == DIED
    until_gone(desk.pids[0])


def test_a_login_that_nobody_waits_for_is_dismissed(desk: Desk, deaf_port: int) -> None:
    ours, theirs = socket_pair()
    handle = Handle("01")
    with ours, theirs:
        order = OpenSession(target=a_target(deaf_port), handle=handle, deadline_ms=10_000)
        desk.submit(order, "secret", theirs)

        desk.desk.dismiss(handle)

    assert desk.outcome() == DISMISSED
    until_gone(desk.pids[0])


def test_a_job_that_is_withdrawn_while_it_waits_is_over(deaf_port: int) -> None:
    with Desk(spares=1) as desk, ends_of_a_pair() as (_, theirs):
        os.kill(desk.server.pid, signal.SIGSTOP)
        desk.submit(a_try(deaf_port), "secret")
        order = OpenSession(target=a_target(deaf_port), handle=Handle("01"), deadline_ms=10_000)
        desk.submit(order, "secret", theirs)

        desk.desk.withdraw(Handle("01"))

        assert desk.outcomes == [DISMISSED]


def test_a_login_that_has_begun_goes_on_when_it_is_withdrawn(desk: Desk, deaf_port: int) -> None:
    with ends_of_a_pair() as (_, theirs):
        order = OpenSession(target=a_target(deaf_port), handle=Handle("01"), deadline_ms=300)
        desk.submit(order, "secret", theirs)

        desk.desk.withdraw(Handle("01"))
        assert desk.outcomes == []

    # What the server says of the password is heard, if only that it said nothing.
    failed = desk.outcome()
    assert isinstance(failed, LoginFailed)
    assert "time allowed" in failed.sentence


def test_a_job_for_which_the_kernel_has_no_room_is_done_as_soon_as_it_has(desk: Desk) -> None:
    with ends_of_a_pair() as (spare, login):
        fill(spare)
        desk.desk._spares.appendleft(socket.socket(fileno=os.dup(spare.fileno())))

        desk.submit(a_try(1))
        assert desk.desk.counts().waiting == 1
        while select.select([login], [], [], 0)[0]:
            login.recv(FILLING_BYTES)
        desk.desk.give_up_late(now=time.monotonic())

        assert desk.desk.counts().waiting == 0
        assert isinstance(LOGIN_JOB.decode(login.recv(FILLING_BYTES)), TryLogin)


def test_a_login_server_that_cannot_be_heard_offers_its_logins_later(desk: Desk) -> None:
    settings: dict[str, object] = {"spares": 2}
    with ends_of_a_pair() as (ours, theirs):
        fill(theirs)
        with Child("login-server", settings=settings, descriptors=[desk._death_watch]) as server:
            server.hear(Ready)
            server.say(
                Pair(role="vault", incarnation=Incarnation("vault-1.test")), [theirs.fileno()]
            )
            until(lambda: len(find_descendants(server.pid)) == 2)
            assert server.is_alive()

            offered: list[bytes] = []
            while offered.count(encode(Spare())) < 2:
                packet = receive_packet(ours)
                close_all(packet.descriptors)
                offered.append(packet.content)


FILLING_BYTES: Final = 4096


@contextmanager
def ends_of_a_pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket_pair()
    with ours, theirs:
        yield ours, theirs


def fill(end: socket.socket) -> None:
    """Leave no room in a socket, which is what a kernel without room for descriptors looks like."""
    end.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    with suppress(BlockingIOError):
        while True:
            end.send(bytes(FILLING_BYTES))


def test_a_stopped_login_is_given_up(desk: Desk, deaf_port: int) -> None:
    os.kill(desk.pids[0], signal.SIGSTOP)
    desk.submit(a_try(deaf_port, deadline_ms=100), "secret")

    assert desk.outcome() == LATE

    os.kill(desk.pids[0], signal.SIGKILL)


def test_a_job_that_waits_behind_a_patient_one_keeps_its_own_deadline(deaf_port: int) -> None:
    with Desk(spares=1) as desk:
        os.kill(desk.server.pid, signal.SIGSTOP)
        desk.submit(a_try(deaf_port, deadline_ms=60_000), "secret")
        desk.submit(a_try(deaf_port, deadline_ms=60_000), "secret")
        desk.submit(a_try(deaf_port, deadline_ms=0), "secret")

        assert desk.outcome() == LATE


def test_spares_end_with_the_vault(desk: Desk) -> None:
    for spare in desk.desk._spares:
        spare.close()

    for pid in desk.pids:
        until_gone(pid)
    desk.desk._spares.clear()


def test_the_login_server_ends_when_it_is_told_to(desk: Desk) -> None:
    desk.server.say(Finish())

    assert desk.server.wait() == 0


def test_the_login_server_ends_with_the_vault(desk: Desk) -> None:
    desk.link.close()

    assert desk.server.wait() == 0


def test_the_login_server_ends_with_the_supervisor(desk: Desk) -> None:
    desk.server.leave_alone()

    assert desk.server.wait() == 0
