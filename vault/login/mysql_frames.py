"""MySQL's packets as bytes: number and pack ours, read the server's one at a time, within limits.

A packet is a length (three bytes, little-endian), a number (one byte) and a body. The numbers of an
exchange count through what both sides send, so that a packet too many or too few is noticed.
"""

from collections.abc import Generator
from typing import Final

from vault.login import mysql_errors as errors
from vault.login.refusals import LoginRefusedError, Stage, malformed
from vault.login.steps import Receive, Send, receive_exactly
from vault.wiping import wipe

HEADER_BYTES: Final = 4
MAX_BODY_BYTES: Final = 4096
"""Eight times an error's longest text (512 bytes); nothing else in a login is longer."""

OK: Final = b"\x00"
MORE_DATA: Final = b"\x01"
SWITCH: Final = b"\xfe"

_OK_BYTES_MIN: Final = 7
_NUMBERS: Final = 256
_STATUS_IN_TRANSACTION: Final = 0x0001
_STATUS_MORE_RESULTS: Final = 0x0008
# The first byte of a number that goes on in 2, 3 or 8 more bytes; below 251 it is all of it.
_LONGER: Final = {0xFC: 2, 0xFD: 3, 0xFE: 8}
_NO_NUMBER: Final = (0xFB, 0xFF)


class Exchange:
    """One exchange of packets: a whole login, or one command and its answer."""

    def __init__(self) -> None:
        self._number = 0

    def send(self, *parts: bytes | bytearray) -> Generator[Send, bytes, None]:
        """Send one packet that holds *parts*, and overwrite it afterwards."""
        packet = _pack(self._take_number(), parts)
        try:
            yield Send(packet)
        finally:
            wipe(packet)

    def receive(
        self, stage: Stage, *, silence: LoginRefusedError | None = None
    ) -> Generator[Receive, bytes, bytes]:
        """Receive one packet and return its body, which has at least one byte.

        *silence* is raised where nothing comes in time.
        """
        header = yield from receive_exactly(stage, HEADER_BYTES, silence)
        if header[3] != self._take_number():
            raise LoginRefusedError(stage, "The server numbered its messages wrongly.")
        body_bytes = int.from_bytes(header[:3], "little")
        if not 0 < body_bytes <= MAX_BODY_BYTES:
            raise LoginRefusedError(stage, "The server sent a message of an impossible length.")
        return (yield from receive_exactly(stage, body_bytes))

    def expect(
        self, stage: Stage, *, uses_server_key: bool = False
    ) -> Generator[Receive, bytes, bytes]:
        """Receive one packet; an error packet is raised as a refusal at *stage*.

        *uses_server_key*: it answers a password that was encrypted to a pinned key.
        """
        body = yield from self.receive(stage)
        if body.startswith(errors.ERROR):
            raise errors.refusal(stage, body, uses_server_key=uses_server_key)
        return body

    def _take_number(self) -> int:
        number, self._number = self._number, (self._number + 1) % _NUMBERS
        return number


def status_of(ok: bytes, stage: Stage) -> int:
    """Return the status flags in the body of an OK packet, if nothing can follow it."""
    at = _after_number(ok, _after_number(ok, len(OK)))
    flags = ok[at : at + 2]
    if len(ok) < max(_OK_BYTES_MIN, at + 4):  # flags and a count of warnings, two bytes each
        raise malformed(stage)
    status = int.from_bytes(flags, "little")
    if status & (_STATUS_IN_TRANSACTION | _STATUS_MORE_RESULTS):
        raise LoginRefusedError(stage, "The server begins the session in the middle of something.")
    return status


def _after_number(body: bytes, at: int) -> int:
    # Past the end it does not matter where: whoever called looks at the length.
    first = body[at] if at < len(body) else 0
    if first in _NO_NUMBER:
        return len(body)
    return at + 1 + _LONGER.get(first, 0)


def _pack(number: int, parts: tuple[bytes | bytearray, ...]) -> bytearray:
    body_bytes = sum(map(len, parts))
    # Of its full length at once: a buffer that grows leaves copies of a password behind.
    packet = bytearray(HEADER_BYTES + body_bytes)
    packet[:HEADER_BYTES] = body_bytes.to_bytes(3, "little") + bytes([number])
    at = HEADER_BYTES
    for part in parts:
        packet[at : at + len(part)] = part
        at += len(part)
    return packet
