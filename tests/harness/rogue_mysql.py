"""What servers that speak MySQL's protocol may do wrong to a login, as a table."""

import struct
from typing import Final

from tests.harness.certificates import Certificate, Certificates
from tests.harness.rogue import (
    Encrypt,
    Framing,
    Hear,
    HearHello,
    Reset,
    Rogue,
    Say,
    Step,
    broken_off,
    by_pieces,
)
from tests.harness.rogue_postgres import SERVER_TEXT
from vault.login.refusals import Stage

CACHING_SHA2: Final = b"caching_sha2_password"

_SALT: Final = b"12345678" + b"twelve bytes"
_OTHER_SALT: Final = b"another salt: twenty"
# PLUGIN_AUTH_LENENC_CLIENT_DATA and all flags below it, but COMPRESS, LOCAL_FILES and SSL.
_FLAGS: Final = 0x3FFFFF & ~(0x20 | 0x80 | 0x800)
_SSL: Final = 0x800
_PACKET: Final = Hear(Framing(4, lambda head: int.from_bytes(head[:3], "little")))
_HUGE: Final = b"\xff\xff\xff"
_KEY: Final = b"\x01-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n"


def packet(number: int, body: bytes) -> bytes:
    """Return one packet."""
    return len(body).to_bytes(3, "little") + bytes([number]) + body


def greeting(
    *, flags: int = _FLAGS, plugin: bytes = CACHING_SHA2, number: int = 0, protocol: int = 10
) -> bytes:
    """Return what a server says first."""
    fixed = struct.pack(
        "<I8sBHBHHB10x", 4711, _SALT[:8], 0, flags & 0xFFFF, 45, 2, flags >> 16, len(_SALT) + 1
    )
    body = bytes([protocol]) + b"9.7.0-rogue\0" + fixed + _SALT[8:] + b"\0" + plugin + b"\0"
    return packet(number, body)


def _ok(number: int) -> bytes:
    return packet(number, b"\0\0\0\x02\0\0\0")


def _error(number: int) -> bytes:
    return packet(number, b"\xff" + struct.pack("<H", 1045) + b"#28000" + SERVER_TEXT)


def _switch(number: int, plugin: bytes, salt: bytes = _OTHER_SALT) -> bytes:
    return packet(number, b"\xfe" + plugin + b"\0" + salt + b"\0")


def _rsa(certificates: Certificates) -> Certificate:
    return certificates.rsa


def _login(number: int = 2) -> tuple[Step, ...]:
    """Return how an honest server goes on, from the client's answer to the greeting."""
    return (_PACKET, Say(packet(number, b"\x01\x03") + _ok(number + 1)), _PACKET)


_PLAIN: Final = (Say(greeting()), *_login())
_GREETED: Final = (Say(greeting(flags=_FLAGS | _SSL)), _PACKET)
_ENCRYPTED: Final = (*_GREETED, Encrypt(_rsa), *_login(3))

HONEST: Final = Rogue(name="honest", steps=_PLAIN, hears_proof=True)
"""The measure of all others: whoever comes logs in here."""
HONEST_BY_BYTES: Final = Rogue(
    name="honest, one byte at a time", steps=by_pieces(_PLAIN, 1), hears_proof=True
)
HONEST_IN_TLS: Final = Rogue(
    name="honest in TLS", steps=_ENCRYPTED, starts_tls=True, hears_proof=True
)
WANTS_PASSWORD_IN_TLS: Final = Rogue(
    name="asks for the password inside TLS",
    steps=(*_GREETED, Encrypt(_rsa), _PACKET, Say(packet(3, b"\x01\x04")), _PACKET, Say(_ok(5))),
    starts_tls=True,
    hears_proof=True,
)
"""What MySQL does where its cache is cold; only a verified server may."""

_GREETINGS: Final = (
    ("says an error first", _error(0)),
    ("speaks another protocol", greeting(protocol=9)),
    ("numbers its greeting wrongly", greeting(number=5)),
    ("sends 16 MiB for a greeting", _HUGE + b"\0\x0a" + bytes(1000)),
    ("sends an empty greeting", packet(0, b"")),
    ("lets anyone in instead of a greeting", _ok(0)),
    ("strips what a session needs", greeting(flags=_FLAGS & ~(1 << 19))),
)
_WANTED: Final = (
    ("switches to mysql_clear_password", _switch(2, b"mysql_clear_password")),
    ("switches to dialog", _switch(2, b"dialog")),
    ("switches to mysql_native_password", _switch(2, b"mysql_native_password")),
    ("switches to mysql_old_password", _switch(2, b"mysql_old_password", b"12345678")),
    ("switches to what came before MySQL 4.1", packet(2, b"\xfe")),
    ("switches to sha256_password", _switch(2, b"sha256_password")),
    ("switches to nothing", packet(2, b"\xfe\0")),
)
_REPLIES: Final = (
    ("lets us in at once", (Say(_ok(2)),)),
    ("wants the password in the open", (Say(packet(2, b"\x01\x04")), _PACKET)),
    (
        "wants the password encrypted to a key of its own",
        (Say(packet(2, b"\x01\x04")), _PACKET, Say(packet(4, _KEY)), _PACKET),
    ),
    ("gives a key of its own unasked", (Say(packet(2, _KEY)), _PACKET)),
    (
        "switches twice",
        (
            Say(_switch(2, CACHING_SHA2)),
            _PACKET,
            Say(_switch(4, b"client_ed25519", bytes(32))),
            _PACKET,
        ),
    ),
    ("lets us in after a switch", (Say(_switch(2, CACHING_SHA2)), _PACKET, Say(_ok(4)))),
    ("numbers its reply wrongly", (Say(packet(7, b"\x01\x03") + _ok(8)),)),
    ("sends 16 MiB", (Say(_HUGE + b"\x02\0" + bytes(1000)),)),
    ("says an error", (Say(_error(2)),)),
    ("says an error after its yes", (Say(packet(2, b"\x01\x03") + _error(3)),)),
    ("says yes twice", (Say(packet(2, b"\x01\x03") + packet(3, b"\x01\x03")),)),
)

WITHOUT_TLS: Final = (
    *(
        Rogue(name=name, steps=(Say(said), _PACKET), stage=Stage.NEGOTIATE)
        for name, said in _GREETINGS
    ),
    *(
        Rogue(
            name=name,
            steps=(Say(greeting()), _PACKET, Say(said), _PACKET),
            stage=Stage.NEGOTIATE,
            hears_proof=True,
        )
        for name, said in _WANTED
    ),
    *(
        Rogue(
            name=name,
            steps=(Say(greeting()), _PACKET, *steps),
            stage=Stage.AUTHENTICATE,
            hears_proof=True,
        )
        for name, steps in _REPLIES
    ),
    *broken_off(_PLAIN[:-1], starts_tls=False, how=(Reset(),), word="resets", proof_after=1),
)
"""What a login without TLS must survive."""


def _shows(name: str, certificate: Encrypt) -> Rogue:
    steps = (*_GREETED, certificate, *_login(3))
    return Rogue(name=name, steps=steps, stage=Stage.ENCRYPT, starts_tls=True)


WITH_TLS: Final = (
    Rogue(name="has no TLS", steps=_PLAIN, stage=Stage.ENCRYPT, starts_tls=True),
    Rogue(
        name="says an error before TLS",
        steps=(Say(_error(0)), _PACKET),
        stage=Stage.NEGOTIATE,
        starts_tls=True,
    ),
    Rogue(
        name="says an error instead of TLS",
        steps=(*_GREETED, HearHello(), Say(_error(2)), _PACKET),
        stage=Stage.ENCRYPT,
        starts_tls=True,
    ),
    Rogue(
        name="lets anyone in instead of TLS",
        steps=(*_GREETED, HearHello(), Say(_ok(2)), _PACKET),
        stage=Stage.ENCRYPT,
        starts_tls=True,
    ),
    Rogue(
        name="stuffs a reply before TLS",
        steps=(
            Say(greeting(flags=_FLAGS | _SSL) + packet(2, b"\x01\x04")),
            _PACKET,
            Encrypt(_rsa),
            *_login(3),
        ),
        stage=Stage.ENCRYPT,
        starts_tls=True,
    ),
    _shows("shows a stranger's certificate", Encrypt(lambda one: one.wrong_authority)),
    _shows("shows another host's certificate", Encrypt(lambda one: one.wrong_host)),
    _shows("shows an expired certificate", Encrypt(lambda one: one.expired)),
    *broken_off(_ENCRYPTED[:-1], starts_tls=True, how=(Reset(),), word="resets", proof_after=3),
)
"""What a login in TLS must survive."""

MUTE: Final = Rogue(name="says nothing at all", steps=())
"""As servers do that speak another protocol, in which clients begin."""

SILENT: Final = (
    Rogue(name="falls silent in its greeting", steps=(Say(greeting()[:1]),)),
    *broken_off(_PLAIN[:-1], starts_tls=False, how=(), word="falls silent", proof_after=1),
    *broken_off(_ENCRYPTED[:-1], starts_tls=True, how=(), word="falls silent", proof_after=3),
)
"""Those that keep a login waiting until its deadline."""
