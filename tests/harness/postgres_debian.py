"""A real PostgreSQL 15 with TLS for tests, which asks each group of roles for another login.

The server of the pip package was built without TLS; this one is Debian's.
"""

import socket
import ssl
import struct
from pathlib import Path
from typing import Final, Literal, get_args

import psycopg

from tests.harness.certificates import Certificate, Certificates
from tests.harness.postgres import PostgresServer
from tests.harness.server_programs import (
    Programs,
    give_to_server,
    install_certificate,
    require_programs,
)
from tests.harness.waiting import until

NAME: Final = "postgresql-15"
"""Its packages, in scripts/server_packages.py."""

Group = Literal["by_certificate", "by_md5", "in_clear", "only_encrypted", "only_plain"]
"""Roles that pg_hba.conf treats in a way of their own; all others need SCRAM-SHA-256."""

_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)
_RULES: Final = (
    # Beside the password, a certificate of this very role's name.
    "hostssl all +by_certificate all scram-sha-256 clientcert=verify-full",
    "host    all +by_certificate all reject",
    "host    all +by_md5         all md5",
    "host    all +in_clear       all password",
    "local   all +in_clear           password",
    "hostssl all +only_encrypted all scram-sha-256",
    "host    all +only_encrypted all reject",
    "hostnossl all +only_plain   all scram-sha-256",
    "host    all +only_plain     all reject",
)


class PostgresTlsServer(PostgresServer):
    """One server with TLS and a Unix socket; `with` starts it and leaves nothing behind."""

    def __init__(
        self,
        certificates: Certificates,
        *,
        certificate: Certificate | None = None,
        programs: Programs | None = None,
        max_connections: int = 60,
    ) -> None:
        self._programs = programs or require_programs(NAME)
        binaries = self._programs.root / "usr/lib/postgresql/15/bin"
        super().__init__(
            max_connections=max_connections,
            rules=_RULES,
            binaries=binaries,
            variables=self._programs.environment(),
        )
        self.certificates = certificates
        self._certificate = certificate or certificates.rsa

    @property
    def socket_directory(self) -> Path:
        """Return the directory of its Unix socket."""
        return self._directory

    def connect(self, user: str, password: str, database: str) -> psycopg.Connection:
        """Return a connection of libpq's own making, over TLS, in autocommit."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=user,
            password=password,
            dbname=database,
            autocommit=True,
            sslmode="verify-full",
            sslrootcert=str(self.certificates.roots),
            gssencmode="disable",
            # libpq gives up where a certificate's signature names no hash.
            channel_binding="disable",
        )

    def create_groups(self) -> None:
        """Create the roles that pg_hba.conf speaks of."""
        for group in get_args(Group):
            self.admin_sql(f"create role {group}")

    def use_certificate(self, certificate: Certificate) -> None:
        """Have new connections see another certificate; those that are open keep theirs."""
        install_certificate(certificate, self._directory)
        self.admin_sql("select pg_reload_conf()")
        until(lambda: self.shown_certificate() == certificate.der)

    def shown_certificate(self) -> bytes:
        """Return the certificate that a new connection sees, in DER."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection((self.host, self.port)) as plain:
            plain.sendall(_SSL_REQUEST)
            if plain.recv(1) != b"S":
                raise RuntimeError("the server has no TLS")
            with context.wrap_socket(plain) as encrypted:
                return encrypted.getpeercert(binary_form=True) or b""

    def _make(self) -> None:
        super()._make()
        chain, key = install_certificate(self._certificate, self._directory)
        roots = self._directory / "roots.pem"
        roots.write_bytes(self.certificates.roots.read_bytes())
        give_to_server(roots)
        with (self._data / "postgresql.conf").open("a") as settings:
            # Of two lines the last counts.
            settings.write(
                f"ssl = on\n"
                f"ssl_cert_file = '{chain}'\n"
                f"ssl_key_file = '{key}'\n"
                f"ssl_ca_file = '{roots}'\n"
                f"unix_socket_directories = '{self.socket_directory}'\n"
            )
