"""A real PgBouncer for tests, with TLS toward clients, before a server of ours."""

import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final, Literal, Self

import psycopg

from tests.harness.canaries import register
from tests.harness.certificates import Certificates
from tests.harness.postgres import PostgresServer
from tests.harness.server_programs import (
    LOOPBACK,
    Programs,
    as_server_user,
    free_port,
    give_to_server,
    install_certificate,
)

NAME: Final = "pgbouncer"
"""Its packages, in scripts/server_packages.py."""

PoolMode = Literal["session", "transaction"]

_START_S: Final = 15.0
_STOP_S: Final = 15.0
_LOOK_EVERY_S: Final = 0.01


class PgBouncer:
    """One pooler; `with` starts it and leaves nothing behind."""

    host: Final = LOOPBACK
    admin_user: Final = "admin"

    def __init__(
        self,
        programs: Programs,
        certificates: Certificates,
        upstream: PostgresServer,
        *,
        pool_mode: PoolMode = "session",
    ) -> None:
        self.port = free_port()
        self.admin_password = secrets.token_urlsafe(18)
        register("a pooler's password", self.admin_password)
        self.certificates = certificates
        self._programs = programs
        self._upstream = upstream
        self._pool_mode = pool_mode
        self._users = {self.admin_user: self.admin_password}
        self._directory = Path(tempfile.mkdtemp(prefix="strongroom-test-pgbouncer-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self.log = self._directory / "log"
        """What it said, as a file."""

    def __enter__(self) -> Self:
        try:
            self._make()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        program = self._programs.command("usr/sbin/pgbouncer", self._settings)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*as_server_user(), *program],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                env=self._programs.environment(),
            )
        self._wait_until_ready(self._process)

    def kill(self) -> None:
        """End it as a crash does, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_STOP_S)
            self._process = None

    def close(self) -> None:
        """Stop it at once and delete its directory."""
        self.kill()
        shutil.rmtree(self._directory)

    def create_role(self, name: str, password: str) -> None:
        """Create a role at the server behind it, and let it in here."""
        self._upstream.create_role(name, password)
        self._users[name] = password
        self._write_users()
        self.admin_sql("reload")

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
        )

    def admin_sql(self, command: str) -> list[tuple[object, ...]]:
        """Run one command of its console, as `show pools`, and return its rows, if it has any."""
        with self.connect(self.admin_user, self.admin_password, "pgbouncer") as connection:
            cursor = connection.execute(command.encode())
            return cursor.fetchall() if cursor.description is not None else []

    @property
    def _settings(self) -> Path:
        return self._directory / "pgbouncer.ini"

    @property
    def _user_list(self) -> Path:
        return self._directory / "users"

    def _make(self) -> None:
        give_to_server(self._directory)
        chain, key = install_certificate(self.certificates.ecdsa, self._directory)
        self._write_users()
        # With `prefer` it asks the server for TLS and does without where that has none.
        self._settings.write_text(
            f"""
[databases]
* = host={self._upstream.host} port={self._upstream.port}
[pgbouncer]
listen_addr = {self.host}
listen_port = {self.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {self._user_list}
admin_users = {self.admin_user}
pool_mode = {self._pool_mode}
max_client_conn = 100
default_pool_size = 20
client_tls_sslmode = allow
client_tls_cert_file = {chain}
client_tls_key_file = {key}
server_tls_sslmode = prefer
"""
        )
        give_to_server(self._settings)

    def _write_users(self) -> None:
        quoted = (
            f'"{name}" "{password.replace(chr(34), chr(34) * 2)}"\n'
            for name, password in self._users.items()
        )
        self._user_list.touch(mode=0o600)
        self._user_list.write_text("".join(quoted))
        give_to_server(self._user_list)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        give_up_at = time.monotonic() + _START_S
        while not self._listens():
            try:
                process.wait(_LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                if time.monotonic() < give_up_at:
                    continue
            raise RuntimeError(f"PgBouncer did not start:\n{self.log.read_text()}")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0
