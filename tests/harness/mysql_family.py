"""What MariaDB and MySQL have in common as servers in tests."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import pymysql

from tests.harness.canaries import register
from tests.harness.certificates import Certificate, Certificates
from tests.harness.server_programs import (
    LOOPBACK,
    Programs,
    as_server_user,
    free_port,
    give_to_server,
    install_certificate,
)

if TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

_START_S: Final = 30.0
_STOP_S: Final = 20.0
_LOOK_EVERY_S: Final = 0.01


class MysqlFamilyServer(ABC):
    """One server; `with` starts it and leaves nothing behind.

    It may be stopped or killed and started again in between: data, port and passwords stay.
    """

    host: Final = LOOPBACK
    admin_user: Final = "admin"

    def __init__(
        self,
        programs: Programs,
        certificates: Certificates,
        *,
        certificate: Certificate | None = None,
    ) -> None:
        self.admin_password = secrets.token_urlsafe(18)
        register("the administrator's password", self.admin_password)
        self.port = free_port()
        self.certificates = certificates
        self.directory = Path(tempfile.mkdtemp(prefix="strongroom-test-mysql-", dir="/tmp"))
        self.socket_path = self.directory / "sock"
        self.log = self.directory / "log"
        """What the server said, as a file."""
        self._programs = programs
        self._certificate = certificate or certificates.rsa
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._prepare()
            self._make()
            self._start_first()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def start(self, *options: str) -> None:
        """Start the server and wait until it takes connections."""
        self._begin(options, fds=())
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop the server in good order, if it runs."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a crash does, if it runs."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """Stop the server at once and delete its directory."""
        self.kill()
        shutil.rmtree(self.directory)

    def connect(
        self, user: str, password: str | bytes, database: str | None = None
    ) -> "Connection[Cursor]":
        """Return a connection of PyMySQL's own making, over TLS, in autocommit."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=user,
            # PyMySQL would write a text as Latin 1.
            password=password.encode() if isinstance(password, str) else password,
            database=database,
            autocommit=True,
            charset="utf8mb4",
            ssl_ca=str(self.certificates.roots),
            ssl_verify_cert=True,
            ssl_verify_identity=True,
        )

    def admin_sql(
        self, statement: str, *values: object, database: str = "mysql"
    ) -> list[tuple[object, ...]]:
        """Run one statement as the administrator and return its rows, if it has any."""
        with (
            self.connect(self.admin_user, self.admin_password, database) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())

    def create_user(self, name: str, password: str, *, plugin: str | None = None) -> None:
        """Create a user who may log in from anywhere by *plugin*, or by the server's usual one."""
        register("a user's password", password)
        how = self.identified(plugin or self.usual_plugin)
        self.admin_sql(f"create user `{name}`@`%%` {how}", password)

    def create_database(self, name: str, owner: str) -> None:
        """Create an empty database in which *owner* may do anything."""
        self.admin_sql(f"create database `{name}`")
        self.admin_sql(f"grant all on `{name}`.* to `{owner}`@`%`")

    def sessions(self, user: str) -> list[int]:
        """Return the connection ids of a user's sessions."""
        rows = self.admin_sql("select id from information_schema.processlist where user = %s", user)
        return [int(str(row[0])) for row in rows]

    @property
    @abstractmethod
    def usual_plugin(self) -> str:
        """Return the plugin that users have where nothing else is said."""

    @abstractmethod
    def identified(self, plugin: str) -> str:
        """Return how CREATE USER says it, with %s where the password goes."""

    @abstractmethod
    def _make(self) -> None:
        """Make the data directory."""

    @abstractmethod
    def _options(self) -> list[str]:
        """Return the options of this kind of server."""

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _prepare(self) -> None:
        self._data.mkdir(mode=0o700)
        give_to_server(self.directory, self._data)
        install_certificate(self._certificate, self.directory)
        roots = self.directory / "roots.pem"
        shutil.copyfile(self.certificates.roots, roots)
        give_to_server(roots)

    def _start_first(self) -> None:
        # From a memory file: the password is on no disk and in no command line.
        orders = os.memfd_create("init")
        try:
            how = self.identified(self.usual_plugin) % f"'{self.admin_password}'"
            user = f"'{self.admin_user}'@'%'"
            text = f"create user {user} {how};\ngrant all on *.* to {user} with grant option;\n"
            text += "drop user if exists root@localhost;\n"
            os.write(orders, text.encode())
            self._begin((f"--init-file=/dev/fd/{orders}",), fds=(orders,))
            self._wait_until_ready()
        finally:
            os.close(orders)

    def _begin(self, options: tuple[str, ...], *, fds: tuple[int, ...]) -> None:
        common = [
            f"--datadir={self._data}",
            f"--port={self.port}",
            f"--bind-address={self.host}",
            f"--socket={self.socket_path}",
            f"--pid-file={self.directory / 'pid'}",
            f"--tmpdir={self.directory}",
            f"--ssl-ca={self.directory / 'roots.pem'}",
            f"--ssl-cert={self.directory / 'server.pem'}",
            f"--ssl-key={self.directory / 'server.key'}",
            "--skip-name-resolve",
            # A test may well break off a thousand connections.
            "--max-connect-errors=1000000",
            "--max-connections=100",
            "--innodb-buffer-pool-size=16M",
            "--innodb-flush-log-at-trx-commit=0",
        ]
        program = self._programs.command("usr/sbin/" + self._program, "--no-defaults")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*as_server_user(), *program, *common, *self._options(), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=self._programs.environment(),
                pass_fds=fds,
            )

    @property
    @abstractmethod
    def _program(self) -> str:
        """Return the server program's name."""

    def _end(self, by: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait(_STOP_S)
            self._process = None

    def _wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + _START_S
        while not self._takes_connections():
            if (
                self._process is None
                or self._process.poll() is not None
                or time.monotonic() > give_up_at
            ):
                raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(_LOOK_EVERY_S)

    def _takes_connections(self) -> bool:
        # It listens when it is ready, and not before its first file of orders is done.
        with socket.socket() as probe:
            if probe.connect_ex((self.host, self.port)) != 0:
                return False
        return bool(self.admin_sql("select 1"))
