"""Executors and routers that lie: nothing of theirs ends the vault or lends what it should not."""

import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.vault_alone import VaultAlone
from tests.unit.vault.making import a_connection, the_settings
from wire.codec import PACKET_MAX_BYTES, encode
from wire.lending import Borrow, Disposed, Holding, Returned, Spare
from wire.messages import Granted
from wire.names import Handle, Incarnation
from wire.packets import DESCRIPTORS_MAX, send_packet, socket_pair

FORGED = encode(Borrow(grant=b"forged", number=0, deadline_ms=1_000))


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
    good = Borrow(grant=granted.grants[executor.name], number=0, deadline_ms=1_000)
    executor.say(good, (chosen,))

    executor.session(granted.grants[executor.name]).close()
    os.close(chosen)


def test_descriptors_that_nobody_asked_for_are_closed(vault: VaultAlone) -> None:
    executor = vault.executor()
    ours, theirs = socket_pair()
    with ours:
        with theirs:
            executor.say(Returned(handles=()), (theirs.fileno(),) * DESCRIPTORS_MAX)
            borrow = Borrow(grant=b"", number=0, deadline_ms=0)
            executor.say(borrow, (theirs.fileno(), theirs.fileno()))

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
    assert session.message.session.backend_id in vault.lent_backends()
    session.close()


@pytest.mark.parametrize("packet", [b"nonsense", encode(Spare()), encode(Spare()) + b"x"])
@pytest.mark.parametrize("open_descriptor", [a_file, a_pipe])
def test_nonsense_from_a_login_server_is_dropped_with_its_descriptors(
    vault: VaultAlone, packet: bytes, open_descriptor: Callable[[], int]
) -> None:
    server = vault.vault.pair_with("login-server", Incarnation("login-server-2.0000000c"))
    with server:
        before = open_files(vault)
        chosen = open_descriptor()
        for _ in range(20):
            send_packet(server, packet, (chosen,))
        os.close(chosen)

        assert still_works(vault)
        # Its packets come before what is asked of it now.
        assert open_files(vault) < before + 20


def open_files(vault: VaultAlone) -> int:
    return len(list(Path(f"/proc/{vault.vault.pid}/fd").iterdir()))


def test_nonsense_from_the_supervisor_ends_the_vault_in_good_order(
    capfd: pytest.CaptureFixture[str],
) -> None:
    # Not the fixture's vault: what is started in a fixture writes where capfd does not read.
    with VaultAlone(the_settings(a_connection()), {}) as vault:
        send_packet(vault.vault._control, b"nonsense")

        assert vault.vault.wait() == 0

    said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (event,) = [one for one in said if one["event"] == "malformed_message"]
    assert (event["sender"], event["size_bytes"]) == ("supervisor", len(b"nonsense"))


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
