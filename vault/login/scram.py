"""Prove a password to a server, and have the server prove itself (SCRAM-SHA-256).

RFC 5802 and RFC 7677, the client's side, without I/O. The password is overwritten as soon as the
salted password is computed, or anything failed. What is derived from it lives in immutable values
that are let go when `final` returns; the process that logs in must not outlive them in the open.
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from vault.login.refusals import LoginRefusedError, Stage
from vault.login.saslprep import prepare
from vault.wiping import wipe

MIN_ITERATIONS: Final = 4096
"""RFC 7677 asks for no less, and it is PostgreSQL's default."""
MAX_ITERATIONS: Final = 1_000_000
"""Half a second of work; the highest recommendations are 600,000. 30 million take 16 s."""
MIN_NONCE_CHARACTERS: Final = 18
"""What 13 random bytes make in base64: a nonce must not repeat."""
MIN_SALT_BYTES: Final = 8
"""PostgreSQL's salts have 16 bytes; a salt shorter than this invites a table made in advance."""
MAX_SALT_BYTES: Final = 128
"""Eight times what PostgreSQL uses."""
MAX_MESSAGE_BYTES: Final = 1024
"""A server's messages have about 100 bytes."""

_DIGEST: Final = "sha256"
_SIGNATURE_BYTES: Final = 32
# Attributes in this order and no others: an extension that we do not know (`m=`) must fail the
# login, and no PostgreSQL server sends optional ones. A nonce is printable ASCII without a comma.
_SERVER_FIRST: Final = re.compile(
    rb"r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,9})"
)
_SERVER_FINAL: Final = re.compile(rb"v=([A-Za-z0-9+/=]+)")
_OWN_NONCE: Final = re.compile(rf"[\x21-\x2b\x2d-\x7e]{{{MIN_NONCE_CHARACTERS},}}")


class _Step(Enum):
    FIRST = auto()
    FINAL = auto()
    VERIFY = auto()
    OVER = auto()


@dataclass(frozen=True, slots=True)
class _Challenge:
    nonce: bytes
    salt: bytes
    iterations: int


class ScramClient:
    """One exchange: `first`, `final`, `verify`, each once and in this order.

    PostgreSQL takes the user's name from the start-up message, hence the empty default. With
    channel binding, *gs2_header* is `p=tls-server-end-point,,` and *binding* the data bound to.
    """

    def __init__(
        self,
        password: bytearray,
        *,
        nonce: str,
        user: str = "",
        gs2_header: bytes = b"n,,",
        binding: bytes = b"",
    ) -> None:
        if not _OWN_NONCE.fullmatch(nonce):
            raise ValueError("a SCRAM nonce is printable ASCII without a comma, and long enough")
        self._password = password
        self._nonce = nonce.encode()
        self._gs2_header = gs2_header
        self._binding = base64.b64encode(gs2_header + binding)
        name = user.replace("=", "=3D").replace(",", "=2C").encode()
        self._first_bare = b"n=%b,r=%b" % (name, self._nonce)
        self._signature = b""
        self._step = _Step.FIRST

    def first(self) -> bytes:
        """Return client-first-message; nothing in it depends on the password."""
        self._take(_Step.FIRST, then=_Step.FINAL)
        return self._gs2_header + self._first_bare

    def final(self, server_first: bytes) -> bytes:
        """Return client-final-message and wipe the password, also when the answer is a refusal."""
        try:
            self._take(_Step.FINAL, then=_Step.OVER)
            challenge = _read_challenge(server_first, self._nonce)
            without_proof = b"c=%b,r=%b" % (self._binding, challenge.nonce)
            transcript = b",".join([self._first_bare, server_first, without_proof])
            proof = self._prove(challenge, transcript)
        finally:
            wipe(self._password)
        self._step = _Step.VERIFY
        return b"%b,p=%b" % (without_proof, base64.b64encode(proof))

    def verify(self, server_final: bytes) -> None:
        """Return only if the server has proved that it knows the password's verifier."""
        self._take(_Step.VERIFY, then=_Step.OVER)
        if server_final.startswith(b"e="):
            raise LoginRefusedError(Stage.AUTHENTICATE, "The server refused the password's proof.")
        found = _SERVER_FINAL.fullmatch(server_final)
        signature = _decode(found[1]) if found else None
        if signature is None or len(signature) != _SIGNATURE_BYTES:
            raise LoginRefusedError(
                Stage.VERIFY_SERVER, "The server sent a malformed proof of itself."
            )
        if not hmac.compare_digest(signature, self._signature):
            raise LoginRefusedError(
                Stage.VERIFY_SERVER, "The server could not prove that it knows the password."
            )

    def _take(self, step: _Step, *, then: _Step) -> None:
        if self._step is not step:
            raise RuntimeError(f"SCRAM step {step.name} while at {self._step.name}")
        self._step = then

    def _prove(self, challenge: _Challenge, transcript: bytes) -> bytes:
        if not self._password:
            raise LoginRefusedError(Stage.AUTHENTICATE, "There is no password to log in with.")
        prepared = prepare(self._password)
        try:
            salted = hashlib.pbkdf2_hmac(_DIGEST, prepared, challenge.salt, challenge.iterations)
        finally:
            wipe(prepared)
            wipe(self._password)
        server_key = hmac.digest(salted, b"Server Key", _DIGEST)
        self._signature = hmac.digest(server_key, transcript, _DIGEST)
        client_key = hmac.digest(salted, b"Client Key", _DIGEST)
        stored_key = hashlib.sha256(client_key).digest()
        client_signature = hmac.digest(stored_key, transcript, _DIGEST)
        return bytes(a ^ b for a, b in zip(client_key, client_signature, strict=True))


def _read_challenge(server_first: bytes, own_nonce: bytes) -> _Challenge:
    if server_first.startswith(b"e="):
        raise _unusable("The server refused to begin the login.")
    found = _SERVER_FIRST.fullmatch(server_first)
    if found is None or len(server_first) > MAX_MESSAGE_BYTES:
        raise _unusable("The server sent a malformed challenge.")
    nonce, salt, iterations = found[1], _decode(found[2]), int(found[3])
    if not nonce.startswith(own_nonce) or len(nonce) == len(own_nonce):
        raise _unusable("The server answered with a nonce that does not continue ours.")
    if salt is None or not MIN_SALT_BYTES <= len(salt) <= MAX_SALT_BYTES:
        raise _unusable("The server sent a salt that is malformed, too short or too long.")
    if iterations < MIN_ITERATIONS:
        raise _unusable(f"The server asks for fewer than {MIN_ITERATIONS} hash iterations.")
    if iterations > MAX_ITERATIONS:
        raise _unusable(f"The server asks for more than {MAX_ITERATIONS} hash iterations.")
    return _Challenge(nonce, salt, iterations)


def _unusable(sentence: str) -> LoginRefusedError:
    return LoginRefusedError(Stage.AUTHENTICATE, sentence)


def _decode(encoded: bytes) -> bytes | None:
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None
    # One value, one spelling: the decoder alone would take bits past the end.
    return decoded if base64.b64encode(decoded) == encoded else None
