"""Which way of SCRAM is taken, and what it is bound to."""

import datetime as dt
import hashlib
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, padding, rsa
from cryptography.x509.oid import NameOID

from tests.harness.certificates import Certificates
from vault.login.channel_binding import PLAIN, PLUS, Binding, choose, end_point_hash
from vault.login.refusals import LoginRefusedError, Stage
from wire.names import ChannelBinding

BOTH = [PLUS, PLAIN]
BOUND = b"p=tls-server-end-point,,"
# Made by `openssl req -x509 -newkey rsa:1024 -sha1`: no library of today signs like this.
BY_SHA1 = (Path(__file__).parent / "signed_by_sha1.pem").read_text()


def certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey,
    by: hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | hashes.SHA3_256 | None,
    *,
    pss: bool = False,
) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server")])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
    )
    if pss and by is not None:
        way = padding.PSS(padding.MGF1(by), by.digest_size)
        signed = builder.sign(key, by, rsa_padding=way)
    else:
        signed = builder.sign(key, by)
    return signed.public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize(
    ("by", "name"),
    [
        (hashes.SHA256(), "sha256"),
        (hashes.SHA384(), "sha384"),
        (hashes.SHA512(), "sha512"),
    ],
)
def test_the_hash_is_the_one_of_the_certificates_own_signature(
    rsa_key: rsa.RSAPrivateKey,
    by: hashes.SHA256 | hashes.SHA384 | hashes.SHA512,
    name: str,
) -> None:
    curve_key = ec.generate_private_key(ec.SECP256R1())
    shown = [
        certificate(rsa_key, by),
        certificate(rsa_key, by, pss=True),
        certificate(curve_key, by),
    ]

    assert [end_point_hash(one) for one in shown] == [
        hashlib.new(name, one).digest() for one in shown
    ]


def test_a_signature_by_sha1_is_bound_by_sha256() -> None:
    der = ssl.PEM_cert_to_DER_cert(BY_SHA1)

    assert end_point_hash(der) == hashlib.sha256(der).digest()


def test_a_certificate_whose_signature_names_no_hash_binds_nothing(
    certificates: Certificates,
) -> None:
    assert end_point_hash(certificates.ed25519.der) is None
    assert end_point_hash(certificate(ed448.Ed448PrivateKey.generate(), None)) is None


@pytest.mark.parametrize("der", [b"", b"\x30\x03\x02\x01\x01", b"x" * 1000])
def test_what_is_no_certificate_binds_nothing(der: bytes) -> None:
    assert end_point_hash(der) is None


def test_binding_is_used_where_both_sides_can(certificates: Certificates) -> None:
    der = certificates.rsa.der
    bound = Binding(PLUS, BOUND, hashlib.sha256(der).digest())

    assert choose(BOTH, der, "prefer") == bound
    assert choose([PLUS], der, "require") == bound


def test_a_server_that_offers_no_binding_is_told_that_we_could(certificates: Certificates) -> None:
    assert choose([PLAIN], certificates.rsa.der, "prefer") == Binding(PLAIN, b"y,,")


def test_without_tls_or_hash_or_by_order_a_server_is_told_that_we_cannot(
    certificates: Certificates,
) -> None:
    unable = Binding(PLAIN, b"n,,")

    assert choose(BOTH, None, "prefer") == unable
    assert choose(BOTH, certificates.ed25519.der, "prefer") == unable
    assert choose(BOTH, certificates.rsa.der, "disable") == unable


@pytest.mark.parametrize("offered", [[PLAIN], [], [b"SCRAM-SHA-512"]])
@pytest.mark.parametrize("wanted", ["require", "prefer", "disable"])
def test_a_login_that_is_not_offered_is_refused(
    certificates: Certificates, offered: list[bytes], wanted: ChannelBinding
) -> None:
    if offered == [PLAIN] and wanted != "require":
        assert choose(offered, certificates.rsa.der, wanted).mechanism == PLAIN
        return

    with pytest.raises(LoginRefusedError) as failure:
        choose(offered, certificates.rsa.der, wanted)

    assert failure.value.stage is Stage.NEGOTIATE


def test_required_binding_fails_closed_where_the_certificate_has_none(
    certificates: Certificates,
) -> None:
    with pytest.raises(LoginRefusedError) as failure:
        choose(BOTH, certificates.ed25519.der, "require")

    assert "Ed25519" in failure.value.sentence
