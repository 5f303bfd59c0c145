"""The certificates of the tests: the good ones are good, and each bad one is bad in its own way."""

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.harness.certificates import Certificate, Certificates


def handshake(shown: Certificate, roots: Path, host: str) -> bytes:
    """Return the certificate that a careful client saw; raise what it raises."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(shown.chain, shown.key)
    client = ssl.create_default_context(cafile=str(roots))
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=host) as encrypted:
            return encrypted.getpeercert(binary_form=True) or b""
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_good_certificate_is_good_by_name_and_by_address(
    certificates: Certificates, kind: str, host: str
) -> None:
    shown: Certificate = getattr(certificates, kind)

    assert handshake(shown, certificates.roots, host) == shown.der


@pytest.mark.parametrize(
    ("pick", "sentence"),
    [
        pytest.param(lambda one: one.wrong_authority, "unable to get", id="authority"),
        pytest.param(lambda one: one.wrong_host, "mismatch", id="host"),
        pytest.param(lambda one: one.expired, "expired", id="expired"),
    ],
)
def test_a_bad_certificate_is_bad_in_its_own_way(
    certificates: Certificates, pick: Callable[[Certificates], Certificate], sentence: str
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=sentence):
        handshake(pick(certificates), certificates.roots, "localhost")


def test_a_strangers_certificate_is_good_to_whom_the_stranger_is_none(
    certificates: Certificates,
) -> None:
    shown = certificates.wrong_authority

    assert handshake(shown, certificates.other_roots, "localhost") == shown.der


@pytest.mark.parametrize(
    ("pick", "kind", "digest"),
    [
        pytest.param(lambda one: one.rsa, rsa.RSAPublicKey, "sha256", id="RSA"),
        pytest.param(lambda one: one.ecdsa, ec.EllipticCurvePublicKey, "sha256", id="ECDSA"),
        pytest.param(lambda one: one.ed25519, ed25519.Ed25519PublicKey, None, id="Ed25519"),
    ],
)
def test_each_kind_has_its_key_and_the_hash_of_its_signature(
    certificates: Certificates,
    pick: Callable[[Certificates], Certificate],
    kind: type,
    digest: str | None,
) -> None:
    found = x509.load_der_x509_certificate(pick(certificates).der)
    signed_by = found.signature_hash_algorithm

    assert isinstance(found.public_key(), kind)
    assert (signed_by.name if signed_by else None) == digest


def test_a_clients_certificate_names_its_user_and_its_key_is_for_its_owner_alone(
    certificates: Certificates,
) -> None:
    made = certificates.client("ann")

    subject = x509.load_der_x509_certificate(made.der).subject.rfc4514_string()

    assert "CN=ann" in subject
    assert made.key.stat().st_mode & 0o777 == 0o600
