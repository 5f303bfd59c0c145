"""Executors and routers that lie: nothing of theirs ends the vault or lends what it should not."""

import contextlib
import os
import socket
from collections.abc import Callable

import pytest

from tests.harness.vault_alone import VaultAlone
from wire.codec import PACKET_MAX_BYTES, encode
from wire.lending import Borrow, Disposed, Holding, Returned
from wire.messages import Granted
from wire.names import Handle
from wire.packets import DESCRIPTORS_MAX, socket_pair

FORGED = encode(Borrow(grant=b"forged", deadline_ms=1_000))


def still_works(vault: VaultAlone) -> bool:
    executor = vault.executor("executor-9.00000009")
    granted = vault.open()
    executor.session(granted.grants[executor.name]).close()
    return True


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(b"\x00", id="no message"),
        pytest.param(b"\x81\xa4type\xa2\xff\xfe", id="a tag that is not UTF-8"),
        pytest.param(b"\x81\xa4type\xa4kill", id="a message of somebody else's"),
        pytest.param(b"\x91" * 60_000, id="deeply nested"),
        pytest.param(b"\xdd\xff\xff\xff\xff", id="a huge length"),
        pytest.param(os.urandom(PACKET_MAX_BYTES), id="as large as may be"),
        pytest.param(FORGED, id="a Borrow without a socket"),
    ],
)
def test_nonsense_from_an_executor_is_dropped(vault: VaultAlone, packet: bytes) -> None:
    executor = vault.executor()

    executor.say_bytes(packet)

    granted = vault.open()
    executor.session(granted.grants[executor.name]).close()


def test_a_packet_that_does_not_fit_is_dropped_and_the_next_is_heard(vault: VaultAlone) -> None:
    executor = vault.executor()
    assert executor.link is not None

    executor.link.send(bytes(PACKET_MAX_BYTES + 1))

    granted = vault.open()
    executor.session(granted.grants[executor.name]).close()
    assert still_works(vault)


def a_file() -> int:
    return os.open("/dev/null", os.O_RDWR)


def a_pipe() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def a_full_blocking_socket() -> int:
    unread, full = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    full.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        while True:
            full.send(bytes(65536))
    full.settimeout(None)
    unread.detach()  # it must stay open as long as the test runs
    return full.detach()


@pytest.mark.parametrize("descriptor", [a_file, a_pipe, a_full_blocking_socket])
def test_a_hand_over_descriptor_that_is_none_stops_nobody(
    vault: VaultAlone, descriptor: Callable[[], int]
) -> None:
    executor = vault.executor()
    granted = vault.open()
    chosen = descriptor()

    executor.say_bytes(FORGED, (chosen,))
    good = Borrow(grant=granted.grants[executor.name], deadline_ms=1_000)
    executor.say(good, (chosen,))

    executor.session(granted.grants[executor.name]).close()
    os.close(chosen)


def test_descriptors_that_nobody_asked_for_are_closed(vault: VaultAlone) -> None:
    executor = vault.executor()
    ours, theirs = socket_pair()
    with ours:
        with theirs:
            executor.say(Returned(handles=()), (theirs.fileno(),) * DESCRIPTORS_MAX)
            executor.say(Borrow(grant=b"", deadline_ms=0), (theirs.fileno(), theirs.fileno()))

        assert ours.recv(1) == b""
    assert still_works(vault)


def test_an_executor_cannot_return_or_disown_what_another_holds(vault: VaultAlone) -> None:
    executor, other = vault.executor(), vault.executor("executor-2.0000000b")
    granted = vault.open()
    session = executor.session(granted.grants[executor.name])

    other.say(Returned(handles=(session.message.handle, Handle("guessed"))))
    other.say(Holding(handles=()))
    other.say(Disposed(pool=granted.pool))

    # Its packets keep their order: when this one is answered, the others were heard.
    other.session(granted.grants[other.name]).close()
    assert session.message.backend_id in vault.lent_backends()
    session.close()


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param((b"nonsense",), id="one frame"),
        pytest.param((b"nonsense", b""), id="no message"),
        pytest.param((b"\x81\xa4type\xa2\xff\xfe", b""), id="a tag that is not UTF-8"),
        pytest.param((b"a", b"b", b"c"), id="three frames"),
        pytest.param((b"", b""), id="empty frames"),
    ],
)
def test_nonsense_from_the_router_is_dropped(vault: VaultAlone, frames: tuple[bytes, ...]) -> None:
    vault.tell_bytes(*frames)

    assert isinstance(vault.try_open(), Granted)
