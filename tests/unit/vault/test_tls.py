"""The carrier's TLS: whom it takes for the server, by which mode, and what it shows of itself."""

import os
import socket
import ssl
from pathlib import Path
from typing import Final

import pytest

from tests.harness.certificates import Certificate, Certificates
from tests.unit.vault.tls_talk import (
    GREETING,
    by,
    refused,
    says_nothing,
    serving,
    talk,
    trusting,
)
from vault.login.refusals import Stage
from wire.lending import Tls
from wire.names import TlsMode


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_good_certificate_is_taken_for_its_names_and_addresses(
    certificates: Certificates, kind: str, host: str
) -> None:
    certificate: Certificate = getattr(certificates, kind)
    with serving(by(certificate)) as port:
        shown, echo = talk(port, trusting(certificates.roots), host=host)

    assert shown == certificate.der
    assert echo == b"echo"


@pytest.mark.parametrize("maximum", ["TLSv1_2", "TLSv1_3"])
def test_more_than_fits_any_record_goes_both_ways(certificates: Certificates, maximum: str) -> None:
    said = os.urandom(100_000)
    with serving(by(certificates.rsa, maximum=maximum)) as port:
        _, echo = talk(port, trusting(certificates.roots), said=said)

    assert echo == said


BAD: Final = {
    "wrong_authority": "signed by nobody",
    "wrong_host": "for another",
    "expired": "has expired",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_certificate_is_refused_by_name_of_what_is_wrong(
    certificates: Certificates, kind: str
) -> None:
    with serving(by(getattr(certificates, kind))) as port:
        failure = refused(port, trusting(certificates.roots))

    assert (failure.stage, failure.sqlstate) == (Stage.ENCRYPT, None)
    assert BAD[kind] in failure.sentence


def test_a_certificate_for_another_host_name_is_refused(certificates: Certificates) -> None:
    with serving(by(certificates.wrong_host)) as port:
        failure = refused(port, trusting(certificates.roots), host="localhost")

    assert "another host name" in failure.sentence
    assert 'as "host"' in failure.sentence


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("wrong_host", "verify-ca"),
        ("wrong_host", "require"),
        ("wrong_authority", "require"),
        ("expired", "require"),
    ],
)
def test_a_weaker_mode_takes_what_it_does_not_look_at(
    certificates: Certificates, kind: str, mode: TlsMode
) -> None:
    certificate: Certificate = getattr(certificates, kind)
    with serving(by(certificate)) as port:
        shown, _ = talk(port, trusting(certificates.roots, mode))

    assert shown == certificate.der


@pytest.mark.parametrize("kind", ["wrong_authority", "expired"])
def test_a_chain_is_verified_also_where_the_host_is_not(
    certificates: Certificates, kind: str
) -> None:
    with serving(by(getattr(certificates, kind))) as port:
        failure = refused(port, trusting(certificates.roots, "verify-ca"))

    assert BAD[kind] in failure.sentence


def test_the_systems_authorities_do_not_vouch_for_a_test(certificates: Certificates) -> None:
    with serving(by(certificates.rsa)) as port:
        failure = refused(port, Tls(mode="verify-full"))

    assert BAD["wrong_authority"] in failure.sentence


def test_a_file_of_roots_that_is_none_is_named_by_its_key(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")

    for roots, word in ((tmp_path / "no-such", "cannot be read"), (empty, "no certificate")):
        with serving(says_nothing) as port:
            failure = refused(port, trusting(roots))

        assert failure.stage is Stage.ENCRYPT
        assert '"sslrootcert"' in failure.sentence
        assert word in failure.sentence


def test_files_of_a_client_certificate_that_are_none_are_named_by_their_keys(
    certificates: Certificates, tmp_path: Path
) -> None:
    missing, other = str(tmp_path / "no-such"), str(certificates.rsa.key)
    own = certificates.client("ann")

    for key, word in ((missing, "cannot be read"), (other, "not a certificate and its key")):
        tls = Tls(
            mode="verify-full", roots=str(certificates.roots), certificate=str(own.chain), key=key
        )
        with serving(says_nothing) as port:
            failure = refused(port, tls)

        assert '"sslkey"' in failure.sentence
        assert word in failure.sentence


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
@pytest.mark.parametrize(("host", "announced"), [("127.0.0.1", None), ("localhost", "localhost")])
def test_a_server_is_told_by_which_name_it_is_asked_and_never_by_which_address(
    certificates: Certificates, mode: TlsMode, host: str, announced: str | None
) -> None:
    context, names = certificates.ecdsa.server_context(), list[str | None]()
    context.sni_callback = lambda _inside, name, _context: names.append(name)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as inside:
            inside.sendall(GREETING)
            inside.sendall(inside.recv(4))

    with serving(serve) as port:
        talk(port, trusting(certificates.roots, mode), host=host)

    assert names == [announced]


def test_a_client_certificate_is_shown_where_it_is_wanted(certificates: Certificates) -> None:
    own, seen = certificates.client("ann"), list[bytes | None]()
    context = certificates.ecdsa.server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.roots)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as inside:
            seen.append(inside.getpeercert(binary_form=True))
            inside.sendall(GREETING)
            inside.sendall(inside.recv(4))

    tls = Tls(
        mode="verify-full",
        roots=str(certificates.roots),
        certificate=str(own.chain),
        key=str(own.key),
    )
    with serving(serve) as port:
        talk(port, tls)

    assert seen == [own.der]
