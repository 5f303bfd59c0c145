"""Certificates for servers in tests: good ones of three kinds, and every kind of bad one."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

HOSTS: Final = ("localhost", "127.0.0.1")
_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate with its chain, and its key, both as PEM files."""

    chain: Path
    key: Path

    @property
    def der(self) -> bytes:
        """Return the certificate itself, as TLS shows it."""
        leaf = x509.load_pem_x509_certificate(self.chain.read_bytes())
        return leaf.public_bytes(serialization.Encoding.DER)

    def server_context(self) -> ssl.SSLContext:
        """Return what a server shows this certificate by."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context


class Certificates:
    """A set of authorities and what they signed, made when it is first asked for.

    All files are in one directory, whose path no server needs to reach: they get copies.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._rsa = trustme.CA(key_type=trustme.KeyType.RSA)
        self._ecdsa = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self._strange = trustme.CA(organization_name="nobody's authority")
        self._ed25519_key = Ed25519PrivateKey.generate()
        self._ed25519_root = self._signed_by_ed25519(self._ed25519_key, is_authority=True)

    @cached_property
    def roots(self) -> Path:
        """Return the certificates of all authorities that are to be trusted, in one file."""
        authorities = [self._rsa.cert_pem.bytes(), self._ecdsa.cert_pem.bytes()]
        return self._file("roots.pem", b"".join([*authorities, _pem(self._ed25519_root)]))

    @cached_property
    def other_roots(self) -> Path:
        """Return the certificate of an authority that signed nothing of the good ones."""
        return self._file("other-roots.pem", self._strange.cert_pem.bytes())

    @cached_property
    def rsa(self) -> Certificate:
        """Return a good one: RSA, signed with RSA and SHA-256."""
        return self._issued("rsa", self._rsa, *HOSTS, key_type=trustme.KeyType.RSA)

    @cached_property
    def ecdsa(self) -> Certificate:
        """Return a good one: ECDSA, signed with ECDSA and SHA-256."""
        return self._issued("ecdsa", self._ecdsa, *HOSTS)

    @cached_property
    def ed25519(self) -> Certificate:
        """Return a good one whose signature names no hash (RFC 8410)."""
        key = Ed25519PrivateKey.generate()
        return self._stored("ed25519", key, self._signed_by_ed25519(key))

    @cached_property
    def wrong_authority(self) -> Certificate:
        """Return one that `other_roots` vouch for, and `roots` do not."""
        return self._issued("wrong-authority", self._strange, *HOSTS)

    @cached_property
    def wrong_host(self) -> Certificate:
        """Return one for another host, by the right authority."""
        return self._issued("wrong-host", self._ecdsa, "elsewhere.test")

    @cached_property
    def expired(self) -> Certificate:
        """Return one that was good until yesterday."""
        now = dt.datetime.now(dt.UTC)
        return self._issued(
            "expired", self._ecdsa, *HOSTS, not_before=now - 2 * _DAY, not_after=now - _DAY
        )

    def client(self, user: str, key_type: trustme.KeyType = trustme.KeyType.ECDSA) -> Certificate:
        """Return a client's certificate, whose common name is *user*."""
        name = f"client-{user}"
        return self._issued(name, self._ecdsa, f"{user}@test", common_name=user, key_type=key_type)

    def strange_client(self, user: str) -> Certificate:
        """Return a client's certificate by an authority that no server trusts."""
        name = f"strange-client-{user}"
        return self._issued(name, self._strange, f"{user}@test", common_name=user)

    def _issued(
        self,
        name: str,
        authority: trustme.CA,
        *identities: str,
        common_name: str | None = None,
        not_before: dt.datetime | None = None,
        not_after: dt.datetime | None = None,
        key_type: trustme.KeyType = trustme.KeyType.ECDSA,
    ) -> Certificate:
        made = authority.issue_cert(
            *identities,
            common_name=common_name,
            not_before=not_before,
            not_after=not_after,
            key_type=key_type,
        )
        chain = b"".join(part.bytes() for part in made.cert_chain_pems)
        return self._written(name, chain, made.private_key_pem.bytes())

    def _signed_by_ed25519(
        self, key: Ed25519PrivateKey, *, is_authority: bool = False
    ) -> x509.Certificate:
        root = _named("an Ed25519 authority")
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(root if is_authority else _named("a server"))
            .issuer_name(root)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        if not is_authority:
            address = x509.IPAddress(ipaddress.ip_address(HOSTS[1]))
            names = x509.SubjectAlternativeName([x509.DNSName(HOSTS[0]), address])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._ed25519_key, None)

    def _stored(
        self, name: str, key: Ed25519PrivateKey, certificate: x509.Certificate
    ) -> Certificate:
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return self._written(name, _pem(certificate), private)

    def _written(self, name: str, chain: bytes, key: bytes) -> Certificate:
        return Certificate(self._file(f"{name}.pem", chain), self._file(f"{name}.key", key))

    def _file(self, name: str, content: bytes) -> Path:
        path = self._directory / name
        # A private key is for its owner alone: libpq and we refuse any other.
        path.touch(mode=0o600)
        path.write_bytes(content)
        return path


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
