"""A MySQL server that follows a script, for login machines: it numbers its packets as it should."""

import struct
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import pytest

from vault.login import mysql
from vault.login.mysql_authentication import Terms
from vault.login.refusals import LoginRefusedError
from vault.login.steps import LoggedIn, Receive, Send, StartTls, Step
from wire.names import MysqlAuth

T = TypeVar("T")
Machine = Generator[Step, bytes, T]

TARGET: Final = mysql.MysqlTarget(user="änn", database="shop")
PASSWORD: Final = ":@/%' \"\\é q9".encode()
SALT: Final = b"twenty bytes of salt"
OTHER_SALT: Final = b"another salt of 20 b"
LONG_SALT: Final = bytes(range(32))
CERTIFICATE: Final = b"the server's certificate"

CACHING: Final = b"caching_sha2_password"
ED25519: Final = b"client_ed25519"
SHA256: Final = b"sha256_password"
NATIVE: Final = b"mysql_native_password"
PLUGINS: Final = (CACHING, ED25519, SHA256, NATIVE)
SALTS: Final = {CACHING: OTHER_SALT, ED25519: LONG_SALT, SHA256: OTHER_SALT, NATIVE: OTHER_SALT}

TLS_FLAG: Final = 1 << 11
ALL_FLAGS: Final = 0xFFFFFFFF
OUR_FLAGS: Final = 0x2AA20F
"""Written out once more: PLUGIN_AUTH_LENENC, PLUGIN_AUTH, MULTI_RESULTS, SECURE, TRANSACTIONS, …"""

OK: Final = b"\0\0\0\2\0\0\0"
FAST: Final = b"\1\3"
FULL: Final = b"\1\4"

PLAIN: Final = Terms(
    minimum="mysql_native_password", starts_tls=False, is_verified=False, server_key=None
)
"""The weakest terms without TLS."""

ENCRYPTED: Final = Terms(
    minimum="mysql_native_password", starts_tls=True, is_verified=True, server_key=None
)
"""The weakest terms inside TLS with a verified server."""


def greeting(
    plugin: bytes = CACHING,
    *,
    salt: bytes = SALT,
    flags: int = ALL_FLAGS,
    version: bytes = b"9.7.4",
    reserved: bytes = bytes(10),
) -> bytes:
    """Return the body of a greeting, by session 4711."""
    fixed = struct.pack(
        "<I8sBHBHHB", 4711, salt[:8], 0, flags & 0xFFFF, 255, 2, flags >> 16, len(salt) + 1
    )
    return b"\x0a" + version + b"\0" + fixed + reserved + salt[8:] + b"\0" + plugin + b"\0"


def switch(plugin: bytes, salt: bytes | None = None) -> bytes:
    """Return the body of an AuthSwitchRequest."""
    return b"\xfe" + plugin + b"\0" + (SALTS.get(plugin, SALT) if salt is None else salt)


def error(number: int, sqlstate: bytes = b"#28000") -> bytes:
    """Return the body of an error with a text that nobody may repeat."""
    return b"\xff" + struct.pack("<H", number) + sqlstate + b"some text of the server"


def packet(number: int, body: bytes) -> bytes:
    """Return one packet of a number that the script does not choose."""
    return len(body).to_bytes(3, "little") + bytes([number]) + body


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that the server sends as they are."""

    data: bytes


class Script:
    """A server that says the same whatever it hears, then closes the connection."""

    def __init__(self, says: Sequence[bytes | Raw], *, number: int = 0) -> None:
        self._says = list(says)
        self._buffer = b""
        self._number = number
        self.heard: list[bytes] = []
        """The packets of the other side, with their headers."""
        self.heard_before_tls: int | None = None
        self.asked_bytes: list[int] = []

    def obey(self, step: Step) -> bytes:
        """Answer one step."""
        match step:
            case Send(data):
                # A copy: the machine overwrites what it has sent.
                self.heard.append(bytes(data))
                self._number = data[3] + 1
                return b""
            case StartTls():
                self.heard_before_tls = len(self.heard)
                return CERTIFICATE
            case Receive(exactly_bytes):
                self.asked_bytes.append(exactly_bytes)
                return self._read(exactly_bytes)

    def left(self) -> bytes:
        """Return what was sent and not read."""
        return self._buffer

    def bodies(self) -> list[bytes]:
        """Return what it heard, without the headers."""
        return [one[4:] for one in self.heard]

    def _read(self, exactly_bytes: int) -> bytes:
        while len(self._buffer) < exactly_bytes and self._says:
            self._buffer += self._next()
        taken, self._buffer = self._buffer[:exactly_bytes], self._buffer[exactly_bytes:]
        return taken

    def _next(self) -> bytes:
        one = self._says.pop(0)
        if isinstance(one, Raw):
            return one.data
        self._number += 1
        return packet((self._number - 1) % 256, one)


def carried(machine: Machine[T], script: Script) -> T:
    """Run *machine* against *script* to its end and return its result."""
    step = next(machine)
    while True:
        try:
            step = machine.send(script.obey(step))
        except StopIteration as done:
            result: T = done.value
            return result


def a_login(terms: Terms, password: bytearray | None = None) -> Machine[LoggedIn]:
    """Return a login as Änn."""
    used = bytearray(PASSWORD) if password is None else password
    return mysql.log_in(TARGET, used, terms=terms)


def heard_of(says: Sequence[bytes | Raw], terms: Terms, password: bytes = PASSWORD) -> list[bytes]:
    """Return what a server that lets us in hears; fail unless the password is zeros afterwards."""
    script, given = Script(says), bytearray(password)
    carried(a_login(terms, given), script)
    assert not any(given)
    return script.bodies()


def refused(
    says: Sequence[bytes | Raw], terms: Terms, password: bytes = PASSWORD
) -> tuple[LoginRefusedError, Script]:
    """Return why, and the script; fail unless the password is zeros afterwards."""
    script, given = Script(says), bytearray(password)
    with pytest.raises(LoginRefusedError) as failure:
        carried(a_login(terms, given), script)
    assert not any(given)
    return failure.value, script


def outcome_of(machine: Machine[T], script: Script) -> T | LoginRefusedError:
    """Return what came of a machine."""
    try:
        return carried(machine, script)
    except LoginRefusedError as refusal:
        return refusal


def some_terms(
    minimum: MysqlAuth,
    *,
    starts_tls: bool = False,
    is_verified: bool = False,
    server_key: bytes | None = None,
) -> Terms:
    """Return terms; without TLS and key if nothing else is said."""
    return Terms(
        minimum=minimum, starts_tls=starts_tls, is_verified=is_verified, server_key=server_key
    )
