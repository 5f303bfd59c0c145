"""What a server of MySQL's protocol says after the login, and how commands are framed; pure.

MySQL documentation, "Client/Server Protocol", text protocol, without CLIENT_DEPRECATE_EOF and
session tracking. A server may say anything: what cannot be read raises MalformedError and nothing
else.
"""

import struct
from typing import Final, NamedTuple, TypeAlias

Row: TypeAlias = list[bytes | None]

QUERY: Final = b"\x03"
INIT_DB: Final = b"\x02"
PING: Final = b"\x0e"
RESET_CONNECTION: Final = b"\x1f"
QUIT: Final = b"\x01"

HEADER_BYTES: Final = 4
BODY_MAX_BYTES: Final = (1 << 24) - 1
"""A packet of so many bytes is followed by its next part, which may be empty."""
COLUMNS_MAX: Final = 4096
"""The servers' own limit."""
BINARY: Final = 63
"""The collation of what is no text."""

_OK: Final = 0x00
_LOCAL_FILE: Final = 0xFB
_END: Final = 0xFE
_ERROR: Final = 0xFF
_NULL: Final = 0xFB
_END_BYTES_MAX: Final = 8
"""A row that begins with the same byte has at least nine: its first value has 16 MiB."""
_LONGER: Final = {0xFC: 2, 0xFD: 3, 0xFE: 8}
_HEADER: Final = struct.Struct("<I")
_LENGTH_BITS: Final = 24
_ERROR_HEAD: Final = struct.Struct("<BH")
_SQLSTATE_BYTES: Final = 6  # with the `#` in front
# What a server says of its session, as far as it matters here.
_IN_TRANSACTION: Final = 0x0001
_MORE_RESULTS: Final = 0x0008
_STATUS: Final = struct.Struct("<HH")
_COLUMN: Final = struct.Struct("<xHIBHB")


class MalformedError(Exception):
    """The server has sent what the protocol does not know."""


class OkPacket(NamedTuple):
    """A command, or one of its results, has come to its end."""

    affected: int
    status: int
    warnings: int

    @property
    def has_more(self) -> bool:
        """Return whether another result of the same command follows."""
        return bool(self.status & _MORE_RESULTS)

    @property
    def is_in_transaction(self) -> bool:
        """Return whether a transaction is open."""
        return bool(self.status & _IN_TRANSACTION)


class ErrPacket(NamedTuple):
    """The server refuses a command, or gives one up."""

    errno: int
    sqlstate: str
    message: str


class AtHand(NamedTuple):
    """Rows that were received whole, where they end, and the number of the packet after them."""

    rows: list[Row]
    at: int
    number: int


class Column(NamedTuple):
    """What a server says of one column before the rows."""

    name: str
    type: int
    flags: int
    collation: int
    length: int


def framed(command: bytes) -> bytes:
    """Return a command as packets, the first of them with the number 0."""
    if len(command) < BODY_MAX_BYTES:
        return _HEADER.pack(len(command)) + command
    starts = range(0, len(command) + 1, BODY_MAX_BYTES)
    parts = [command[start : start + BODY_MAX_BYTES] for start in starts]
    return b"".join(
        len(part).to_bytes(3, "little") + bytes([number & 0xFF]) + part
        for number, part in enumerate(parts)
    )


def packets_of(command: bytes) -> int:
    """Return how many packets a command takes; the answer's numbers go on from there."""
    return len(command) // BODY_MAX_BYTES + 1


def read_head(body: bytes) -> OkPacket | ErrPacket | int:
    """Return how an answer begins: with its end, or with the number of columns of its rows."""
    kind = _first(body)
    if kind == _OK:
        return _read_ok(body)
    if kind == _ERROR:
        return _read_error(body)
    if kind == _LOCAL_FILE:
        # Nobody asked for that, and no file is ever sent.
        raise MalformedError
    count, _ = _read_number(body, 0)
    if not 0 < count <= COLUMNS_MAX:
        raise MalformedError
    return count


def read_end(body: bytes) -> OkPacket | ErrPacket | None:
    """Return the end of columns or rows; None for a row."""
    kind = _first(body)
    if kind < _END:
        return None
    if kind == _ERROR:
        return _read_error(body)
    if len(body) > _END_BYTES_MAX:
        return None
    try:
        warnings, status = _STATUS.unpack_from(body, 1)
    except struct.error:
        raise MalformedError from None
    return OkPacket(0, status, warnings)


def read_column(body: bytes) -> Column:
    """Return the column that a server describes in one packet (ColumnDefinition41)."""
    at = 0
    texts: list[bytes] = []
    for _ in range(6):  # catalog, schema, table, original table, name, original name
        length, at = _read_number(body, at)
        texts.append(_slice(body, at, length))
        at += length
    try:
        collation, length, kind, flags, _ = _COLUMN.unpack_from(body, at)
        return Column(texts[4].decode(), kind, flags, collation, length)
    except (struct.error, UnicodeDecodeError):
        raise MalformedError from None


def read_row(body: bytes, count: int) -> Row:
    """Return the values of one row, as the server writes them."""
    return _read_values(body, 0, len(body), count)


def read_rows(data: bytes, at: int, number: int, *, count: int, at_most: int) -> AtHand:
    """Return the rows of *count* values that lie whole in *data*, packet after packet from *at*.

    It stops before anything but a plain row, without saying what that is.
    """
    rows: list[Row] = []
    last = len(data) - HEADER_BYTES
    while at < last and len(rows) < at_most:
        (header,) = _HEADER.unpack_from(data, at)
        length = header & BODY_MAX_BYTES
        start = at + HEADER_BYTES
        end = start + length
        is_whole = 0 < length < BODY_MAX_BYTES and end <= len(data)
        if not is_whole or header >> _LENGTH_BITS != number or data[start] >= _END:
            break
        rows.append(_read_values(data, start, end, count))
        at, number = end, (number + 1) & 0xFF
    return AtHand(rows, at, number)


def _read_values(data: bytes, at: int, end: int, count: int) -> Row:
    """Return *count* values that take all from *at* to *end*."""
    values: Row = []
    try:
        for _ in range(count):
            first = data[at]
            start = at + 1
            if first < _NULL:
                at = start + first
                values.append(data[start:at])
            elif first == _NULL:
                at = start
                values.append(None)
            else:
                length, start = _read_number(data, at)
                at = start + length
                values.append(data[start:at])
    except IndexError:
        raise MalformedError from None
    # Whoever reads beyond the end does not come back to it.
    if at != end:
        raise MalformedError
    return values


def _read_ok(body: bytes) -> OkPacket:
    affected, at = _read_number(body, 1)
    _, at = _read_number(body, at)  # the last id that was inserted
    try:
        status, warnings = _STATUS.unpack_from(body, at)
    except struct.error:
        raise MalformedError from None
    return OkPacket(affected, status, warnings)


def _read_error(body: bytes) -> ErrPacket:
    try:
        _, errno = _ERROR_HEAD.unpack_from(body)
    except struct.error:
        raise MalformedError from None
    rest = body[_ERROR_HEAD.size :]
    sqlstate = "HY000"
    if rest.startswith(b"#"):
        sqlstate = rest[1:_SQLSTATE_BYTES].decode("ascii", "replace")
        rest = rest[_SQLSTATE_BYTES:]
    return ErrPacket(errno, sqlstate, rest.decode(errors="replace"))


def _read_number(body: bytes, at: int) -> tuple[int, int]:
    """Return a length-encoded integer, and where it ends."""
    first = _first(body[at : at + 1])
    if first < _NULL:
        return first, at + 1
    more_bytes = _LONGER.get(first)
    if more_bytes is None:
        raise MalformedError
    return int.from_bytes(_slice(body, at + 1, more_bytes), "little"), at + 1 + more_bytes


def _slice(body: bytes, at: int, length: int) -> bytes:
    found = body[at : at + length]
    if len(found) != length:
        raise MalformedError
    return found


def _first(body: bytes) -> int:
    if not body:
        raise MalformedError
    return body[0]
