"""What servers that speak PostgreSQL's protocol may do wrong to a login, as a table."""

import base64
import hashlib
import hmac
from typing import Final

from tests.harness.certificates import Certificate, Certificates
from tests.harness.logins import KEY, LET_IN, PARAMETER, PASSWORD, READY, SALT, asks, message
from tests.harness.rogue import (
    Conversation,
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
from vault.login.refusals import Stage

SERVER_TEXT: Final = b"the text of a rogue"
"""What no log, no exception and no client may show."""
ITERATIONS: Final = 4096

_START_UP: Final = Hear(Framing(4, lambda head: int.from_bytes(head, "big") - 4))
_MESSAGE: Final = Hear(Framing(5, lambda head: int.from_bytes(head[1:], "big") - 4))
_SESSION: Final = LET_IN + PARAMETER + KEY + READY
_ERROR: Final = message(b"E", b"SFATAL\0VFATAL\0CXX000\0M" + SERVER_TEXT + b"\0\0")
_PLAIN: Final = asks(10, b"SCRAM-SHA-256\0\0")
_BOTH: Final = asks(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")


def _client_first(conversation: Conversation) -> bytes:
    """Return what SCRAM's first message says behind its gs2 header."""
    response = next(one for one in conversation.messages if one[:1] == b"p")
    _, _, first = response[5:].partition(b"\0")
    return first[4:].split(b",", 2)[2]


def _challenged(*, iterations: int = ITERATIONS, goes_on: bool = True) -> Say:
    def line(conversation: Conversation) -> bytes:
        nonce = _client_first(conversation).partition(b"r=")[2] if goes_on else b"another"
        parts = b"r=%b3rfcNHYJY1ZVvWVs7j,s=%b,i=%d" % (nonce, base64.b64encode(SALT), iterations)
        return asks(11, parts)

    return Say(line)


def _signature(conversation: Conversation) -> bytes:
    challenge = conversation.said[-1][9:]
    without_proof = conversation.messages[-1][5:].rpartition(b",p=")[0]
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD, SALT, ITERATIONS)
    key = hmac.digest(salted, b"Server Key", "sha256")
    transcript = b",".join([_client_first(conversation), challenge, without_proof])
    return base64.b64encode(hmac.digest(key, transcript, "sha256"))


def _login(offer: bytes = _PLAIN) -> tuple[Step, ...]:
    return (
        _START_UP,
        Say(offer),
        _MESSAGE,
        _challenged(),
        _MESSAGE,
        Say(lambda heard: asks(12, b"v=" + _signature(heard)) + _SESSION),
    )


def _encrypted(*steps: Step) -> tuple[Step, ...]:
    return (_START_UP, Say(b"S"), Encrypt(_rsa), *steps)


def _rsa(certificates: Certificates) -> Certificate:
    return certificates.rsa


def _shows(name: str, *, certificate: Encrypt) -> Rogue:
    steps = (_START_UP, Say(b"S"), certificate, *_login())
    return Rogue(name=name, steps=steps, stage=Stage.ENCRYPT, starts_tls=True)


HONEST: Final = Rogue(name="honest", steps=_login(), hears_proof=True)
"""The measure of all others: whoever has `PASSWORD` logs in here."""
HONEST_BY_BYTES: Final = Rogue(
    name="honest, one byte at a time", steps=by_pieces(_login(), 1), hears_proof=True
)
HONEST_IN_TLS: Final = Rogue(
    name="honest in TLS", steps=_encrypted(*_login(_PLAIN)), starts_tls=True, hears_proof=True
)

_FIRST: Final = (
    ("lets anyone in", _SESSION),
    ("asks for the password", asks(3)),
    ("asks for MD5", asks(5, b"salt")),
    ("asks for Kerberos", asks(7)),
    ("offers only SCRAM-SHA-1", asks(10, b"SCRAM-SHA-1\0\0")),
    ("says an error", _ERROR),
    ("sends two gigabytes", b"R\x7f\xff\xff\xff" + bytes(1000)),
    ("sends an error of two gigabytes", b"E\x7f\xff\xff\xff" + bytes(1000)),
    ("sends less than nothing", b"R\0\0\0\0"),
)
_CHALLENGES: Final = (
    ("asks for one iteration", _challenged(iterations=1)),
    ("asks for 30 million iterations", _challenged(iterations=30_000_000)),
    ("takes another nonce", _challenged(goes_on=False)),
    ("lets us in instead of a challenge", Say(_SESSION)),
    ("asks for the password instead of a challenge", Say(asks(3))),
    ("asks for MD5 instead of a challenge", Say(asks(5, b"salt"))),
    ("sends two gigabytes for a challenge", Say(b"R\x7f\xff\xff\xff" + bytes(1000))),
)
_ENDS: Final = (
    ("leaves its proof out", _SESSION),
    ("has a wrong proof", asks(12, b"v=" + base64.b64encode(bytes(32))) + _SESSION),
    ("has an empty proof", asks(12, b"v=") + _SESSION),
    ("says nothing in the end", asks(12)),
)
_CHALLENGED: Final = (_START_UP, Say(_PLAIN), _MESSAGE)
_PROVED: Final = (*_CHALLENGED, _challenged(), _MESSAGE)

WITHOUT_TLS: Final = (
    *(
        Rogue(name=name, steps=(_START_UP, Say(said), _MESSAGE), stage=Stage.NEGOTIATE)
        for name, said in _FIRST
    ),
    *(
        Rogue(name=name, steps=(*_CHALLENGED, step, _MESSAGE), stage=Stage.AUTHENTICATE)
        for name, step in _CHALLENGES
    ),
    Rogue(
        name="asks for the password in the end",
        steps=(*_PROVED, Say(asks(3)), _MESSAGE),
        stage=Stage.AUTHENTICATE,
        hears_proof=True,
    ),
    *(
        Rogue(name=name, steps=(*_PROVED, Say(said)), stage=Stage.VERIFY_SERVER, hears_proof=True)
        for name, said in _ENDS
    ),
    *broken_off(_login(), starts_tls=False, how=(Reset(),), word="resets", proof_after=4),
)
"""What a login without TLS must survive."""

_ANSWERS: Final = (
    ("says no to TLS", b"N"),
    ("says an error to TLS", _ERROR),
    ("says nonsense to TLS", b"X"),
    ("lets anyone in instead of TLS", _SESSION),
)

WITH_TLS: Final = (
    *(
        # Behind a refusal it would go on in the clear, if anyone did.
        Rogue(
            name=name, steps=(_START_UP, Say(said), *_login()), stage=Stage.ENCRYPT, starts_tls=True
        )
        for name, said in _ANSWERS
    ),
    Rogue(
        name="stuffs a session before TLS",
        steps=(_START_UP, Say(b"S" + _SESSION), Encrypt(_rsa), *_login()),
        stage=Stage.ENCRYPT,
        starts_tls=True,
    ),
    Rogue(
        name="says yes and goes on in the clear",
        steps=(_START_UP, Say(b"S"), HearHello(), Say(asks(3)), _MESSAGE),
        stage=Stage.ENCRYPT,
        starts_tls=True,
    ),
    _shows("shows a stranger's certificate", certificate=Encrypt(lambda one: one.wrong_authority)),
    _shows("shows another host's certificate", certificate=Encrypt(lambda one: one.wrong_host)),
    _shows("shows an expired certificate", certificate=Encrypt(lambda one: one.expired)),
    Rogue(
        name="lets anyone in, inside TLS",
        steps=_encrypted(_START_UP, Say(_SESSION)),
        stage=Stage.NEGOTIATE,
        starts_tls=True,
    ),
    Rogue(
        name="strips channel binding",
        steps=_encrypted(*_login(_PLAIN)),
        stage=Stage.NEGOTIATE,
        starts_tls=True,
        channel_binding="require",
    ),
    Rogue(
        name="asks for the password where binding is required",
        steps=_encrypted(_START_UP, Say(asks(3)), _MESSAGE),
        stage=Stage.NEGOTIATE,
        starts_tls=True,
        channel_binding="require",
    ),
    *broken_off(
        _encrypted(*_login()), starts_tls=True, how=(Reset(),), word="resets", proof_after=7
    ),
)
"""What a login in TLS must survive."""

SILENT: Final = (
    *broken_off(_login(), starts_tls=False, how=(), word="falls silent", proof_after=4),
    *broken_off(_encrypted(*_login()), starts_tls=True, how=(), word="falls silent", proof_after=7),
)
"""Those that keep a login waiting until its deadline."""
