"""Bind a SCRAM login to the TLS connection that it comes on, where both sides can; no I/O.

Only `tls-server-end-point` (RFC 5929, section 4), the one kind that PostgreSQL knows: the proof
covers a hash of the server's certificate, so that whoever stands between with another one gets a
proof that is worth nothing to the server.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from vault.login.refusals import LoginRefusedError, Stage
from wire.names import ChannelBinding

PLAIN: Final = b"SCRAM-SHA-256"
PLUS: Final = b"SCRAM-SHA-256-PLUS"

_TOO_WEAK: Final = frozenset({"md5", "sha1"})


@dataclass(frozen=True, slots=True)
class Binding:
    """How one exchange is bound: its mechanism, its gs2 header (RFC 5802) and what it binds to."""

    mechanism: bytes
    gs2_header: bytes
    data: bytes = b""


_UNABLE: Final = Binding(PLAIN, b"n,,")
_ABLE_BUT_NOT_ASKED: Final = Binding(PLAIN, b"y,,")
"""A server that did offer it, before somebody between us cut that out, refuses this."""


def choose(offered: list[bytes], certificate: bytes | None, wanted: ChannelBinding) -> Binding:
    """Return how to log in to a server that offers these mechanisms and showed *certificate*.

    Raises LoginRefusedError where binding is required and cannot be had, or SCRAM is not offered.
    """
    end_point = None
    if certificate is not None and wanted != "disable":
        end_point = end_point_hash(certificate)
    if wanted == "require":
        _require(offered, end_point)
    if end_point is not None and PLUS in offered:
        return Binding(PLUS, b"p=tls-server-end-point,,", end_point)
    if PLAIN not in offered:
        raise _refused("The server does not offer SCRAM-SHA-256.")
    return _UNABLE if end_point is None else _ABLE_BUT_NOT_ASKED


def end_point_hash(certificate: bytes) -> bytes | None:
    """Return what binds to the server that showed *certificate* (DER), None where nothing does.

    The hash is the one of the certificate's own signature, SHA-256 instead of MD5 and SHA-1; an
    Ed25519 or Ed448 signature names none.
    """
    try:
        found = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        # TLS without verification takes a certificate that cannot be read here.
        return None
    if found is None:
        return None
    name = "sha256" if found.name in _TOO_WEAK else found.name
    if name not in hashlib.algorithms_guaranteed:
        return None
    return hashlib.new(name, certificate).digest()


def _require(offered: list[bytes], end_point: bytes | None) -> None:
    if end_point is None:
        raise _refused(
            "The server's certificate names no hash (Ed25519 has none), and this connection "
            'requires channel binding: use another certificate, or "channel_binding": "prefer".'
        )
    if PLUS not in offered:
        raise _refused("The server offers no channel binding, which this connection requires.")


def _refused(sentence: str) -> LoginRefusedError:
    return LoginRefusedError(Stage.NEGOTIATE, sentence)
