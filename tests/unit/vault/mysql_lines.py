"""Connections to real servers, for login machines of MySQL and MariaDB."""

import secrets
import socket
import ssl
from collections.abc import Callable, Generator
from typing import TypeAlias

from tests.harness.mysql_family import MysqlFamilyServer
from tests.unit.vault.mysql_scripts import T
from vault.login import mysql
from vault.login.mysql_authentication import Terms
from vault.login.steps import LoggedIn, Receive, Send, StartTls, Step
from wire.lending import MysqlSession
from wire.names import MysqlAuth

DATABASE = "shop"


class Line:
    """One connection to a server, which answers a machine's steps."""

    def __init__(self, server: MysqlFamilyServer) -> None:
        self._server = server
        self._socket = socket.create_connection((server.host, server.port), timeout=10)

    def carry(self, machine: Generator[Step, bytes, T]) -> T:
        """Run *machine* to its end and return its result."""
        step = next(machine)
        while True:
            try:
                step = machine.send(self._obey(step))
            except StopIteration as done:
                result: T = done.value
                return result

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read_to_end(self) -> bytes:
        return b"".join(iter(lambda: self._socket.recv(4096), b""))

    def close(self) -> None:
        self._socket.close()

    def _obey(self, step: Step) -> bytes:
        match step:
            case Send(data):
                self._socket.sendall(data)
                return b""
            case Receive(exactly_bytes):
                return self._receive(exactly_bytes)
            case StartTls():
                return self._encrypt()

    def _receive(self, exactly_bytes: int) -> bytes:
        received = b""
        while len(received) < exactly_bytes:
            more = self._socket.recv(exactly_bytes - len(received))
            if not more:
                break
            received += more
        return received

    def _encrypt(self) -> bytes:
        context = ssl.create_default_context(cafile=str(self._server.certificates.roots))
        encrypted = context.wrap_socket(self._socket, server_hostname=self._server.host)
        self._socket = encrypted
        return encrypted.getpeercert(binary_form=True) or b""


Dial: TypeAlias = Callable[[MysqlFamilyServer], Line]


def a_user(server: MysqlFamilyServer, password: str, plugin: str) -> str:
    name = f"röle {secrets.token_hex(6)}"
    server.create_user(name, password, plugin=plugin)
    server.admin_sql(f"create database if not exists {DATABASE}")
    server.admin_sql(f"grant all on {DATABASE}.* to `{name}`@`%`")
    return name


def log_in(
    line: Line,
    user: str,
    password: bytes,
    *,
    minimum: MysqlAuth = "mysql_native_password",
    starts_tls: bool = True,
    server_key: bytes | None = None,
    database: str = DATABASE,
) -> MysqlSession:
    terms = Terms(
        minimum=minimum, starts_tls=starts_tls, is_verified=starts_tls, server_key=server_key
    )
    given = bytearray(password)
    target = mysql.MysqlTarget(user=user, database=database)
    try:
        logged_in = line.carry(mysql.log_in(target, given, terms=terms))
    finally:
        assert not any(given)
    assert isinstance(logged_in, LoggedIn)
    assert isinstance(logged_in.session, MysqlSession)
    return logged_in.session


def command(body: bytes) -> bytes:
    """Return one command's packet."""
    return len(body).to_bytes(3, "little") + b"\0" + body
