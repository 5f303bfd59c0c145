"""A server that lies after the login can end its connection, and no more."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from executor.borrowing import Borrowed
from executor.mysql.adoption import adopt
from executor.mysql.cleaning import finish_reset, prepare_new, start_reset
from executor.mysql.results import ResultText
from executor.mysql.runner import StatementRun
from executor.replies import Outcome
from executor.stopping import LostError
from executor.waiting import Patience
from wire.faults import FaultCode
from wire.lending import MysqlSession
from wire.names import Handle

SESSION = MysqlSession(backend_id=1, version=b"9.7.0", capabilities=0, charset=45, status=2)
LIMIT_BYTES = 64 << 10
HELD_MAX_BYTES = 8 << 20


def packet(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([number]) + body


def ok(status: int = 1) -> bytes:
    return packet(1, b"\x00\x00\x00" + struct.pack("<HH", status, 0))


def column(kind: int = 253, collation: int = 45, length: int = 80) -> bytes:
    texts = b"\x03def\0\0\0\x01x\x01x"
    return texts + struct.pack("<BHIBHBxx", 12, collation, length, kind, 0, 0)


def table(*bodies: bytes, described: bytes | None = None) -> bytes:
    """Return a result of one column with these rows, and without its end."""
    parts = [b"\x01", described or column(), b"\xfe\0\0\x01\0", *bodies]
    return b"".join(packet(1 + i & 0xFF, part) for i, part in enumerate(parts))


class Rogue:
    """A server that waits for so many commands and then says what it was told to."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._socket = ours
        self._threads: list[threading.Thread] = []
        self.sent_bytes = 0
        patience = Patience(time.monotonic() + 5)
        borrowed = Borrowed(Handle("h"), SESSION, theirs.detach())
        self.connection = adopt(borrowed, patience=patience, on_close=lambda: None)

    def answers(self, *says: bytes, forever: bytes = b"") -> None:
        """Answer each command with one of these, then say *forever* again and again, or close."""
        thread = threading.Thread(target=self._talk, args=(says, forever))
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        self.connection.close()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def run(self, *, read_only: bool = True) -> Outcome:
        text = ResultText(45, rows_max=100, max_bytes=LIMIT_BYTES)
        return StatementRun(
            self.connection,
            text,
            read_only=read_only,
            wire_max_bytes=LIMIT_BYTES,
            interrupt=lambda: None,
        ).run(b"select 1")

    def _talk(self, says: tuple[bytes, ...], forever: bytes) -> None:
        with suppress(OSError):
            for one in says:
                self._socket.recv(1 << 16)
                self._socket.sendall(one)
            while forever:
                self._socket.sendall(forever)
                self.sent_bytes += len(forever)
            self._socket.shutdown(socket.SHUT_WR)


@pytest.fixture
def rogue() -> Iterator[Rogue]:
    made = Rogue()
    yield made
    made.close()


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize(
    "says",
    [
        pytest.param(b"", id="nothing at all"),
        pytest.param(packet(1, b""), id="an empty packet"),
        pytest.param(packet(7, b"\0\0\0\2\0\0\0"), id="a wrong number"),
        pytest.param(packet(1, b"\xfb/etc/passwd"), id="asks for a file"),
        pytest.param(packet(1, b"\xfe" + b"\xff" * 8), id="columns without end"),
        pytest.param(packet(1, b"\xff"), id="an error cut off"),
        pytest.param(packet(1, b"\x01") + packet(2, b"\x01x"), id="a column cut off"),
        pytest.param(packet(1, b"\x01") + packet(2, column()) + packet(3, b"x"), id="no end"),
        pytest.param(table(b"\x05ab"), id="a row cut off"),
        pytest.param(table(b"\x01a\x01b"), id="a row too long"),
        pytest.param(ok()[:-3], id="half an answer"),
    ],
)
def test_what_cannot_be_understood_costs_the_connection(
    rogue: Rogue, says: bytes, *, read_only: bool
) -> None:
    rogue.answers(ok(), says)

    outcome = rogue.run(read_only=read_only)

    assert outcome.fault is not None
    assert outcome.fault.code is FaultCode.CONNECTION_LOST
    assert not outcome.is_reusable


def test_a_transaction_that_the_server_did_not_begin_runs_no_statement(rogue: Rogue) -> None:
    rogue.answers(ok(status=2))

    outcome = rogue.run()

    assert outcome.fault is not None
    assert outcome.fault.code is FaultCode.CONNECTION_LOST
    assert outcome.fault.may_have_run is False


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(table(b"\x03abc", described=column(kind=3)), id="a number that is none"),
        pytest.param(table(b"\xfc\x88\x13" + b"9" * 5000, described=column(kind=8)), id="digits"),
        pytest.param(table(b"\x02\xff\xfe"), id="no utf-8"),
        pytest.param(table(b"\x01a", described=column(collation=8)), id="in latin1"),
    ],
)
def test_a_value_that_is_not_what_its_column_says_is_a_fault(rogue: Rogue, says: bytes) -> None:
    end = packet(says.count(b"\xfe\0\0\x01\0") + 4, b"\xfe\0\0\x01\0")
    rogue.answers(ok(), says + end)

    outcome = rogue.run()

    assert outcome.fault is not None
    assert outcome.fault.code is FaultCode.STATEMENT_FAILED
    assert outcome.fault.may_have_run is not True
    assert not outcome.is_reusable


def test_a_column_of_endless_bits_takes_no_memory(rogue: Rogue) -> None:
    described = column(kind=16, length=0xFFFF_FFFF)
    rogue.answers(ok(), table(b"\x01\x05", described=described) + packet(5, b"\xfe\0\0\x01\0"))

    outcome = rogue.run()

    assert len(outcome.result) < 1000


def test_a_packet_without_end_is_not_held(rogue: Rogue) -> None:
    rogue.answers(ok(), table() + b"\xff\xff\xff\x04", forever=b"x" * LIMIT_BYTES)

    outcome = rogue.run()

    assert outcome.fault is not None
    assert outcome.fault.code is FaultCode.RESULT_TOO_LARGE
    assert rogue.sent_bytes < HELD_MAX_BYTES


@pytest.mark.parametrize("says", [b"", packet(1, b"\xff"), ok(), table(b"\x01a")])
def test_a_set_up_that_does_not_work_is_a_lost_connection(rogue: Rogue, says: bytes) -> None:
    rogue.answers(ok(), says)

    with pytest.raises(LostError):
        prepare_new(rogue.connection, read_only=True, statement_ms=1000)


def test_a_set_up_without_end_is_given_up(rogue: Rogue) -> None:
    rogue.answers(ok(), b"\xff\xff\xff\x01", forever=b"x" * LIMIT_BYTES)

    with pytest.raises(LostError):
        prepare_new(rogue.connection, read_only=True, statement_ms=1000)

    assert rogue.sent_bytes < HELD_MAX_BYTES


def test_a_reset_that_one_command_of_fails_hands_nothing_out(rogue: Rogue) -> None:
    rogue.connection.session.reset = (b"\x1f", b"\x03set names utf8mb4")
    rogue.answers(ok() + packet(1, b"\xff\x28\x04#42000no") + ok())

    assert start_reset(rogue.connection)
    assert not finish_reset(rogue.connection)


def test_words_after_a_reset_that_nobody_asked_for_hand_nothing_out(rogue: Rogue) -> None:
    rogue.connection.session.reset = (b"\x1f",)
    rogue.answers(ok() + ok() + ok())

    assert start_reset(rogue.connection)
    assert not finish_reset(rogue.connection)
