"""libpq takes over a socket that somebody else has logged in with.

libpq connects to a throw-away Unix socket of ours and is answered with the real session's
parameters; then the lent descriptor is put under libpq's own number, and libpq does not notice. One
thread drives both ends of the start-up: what one side of a Unix socket has sent, the other can read
at once.
"""

import itertools
import os
import secrets
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from psycopg import Error, pq
from psycopg.conninfo import make_conninfo
from psycopg.pq.abc import PGconn

from executor.adopting import AdoptionError, session_of
from executor.borrowing import Borrowed
from executor.postgresql.lent import LentConnection
from executor.postgresql.start_up import START_UP_MAX_BYTES, StartUp, StartUpError
from executor.waiting import Patience
from wire.lending import PostgresSession

PATH_MAX_BYTES: Final = 107
"""sockaddr_un has 108, one of them for the NUL."""

_PORT_MAX: Final = 65_535
_SECRET_BYTES: Final = 4
_ROUNDS_MAX: Final = 64
"""A start-up takes about six; libpq may read a long answer in parts."""
_PEER: Final = struct.Struct("3i")

# Every option that libpq would otherwise take from its environment or from a file.
_CONNINFO: Final[dict[str, str]] = {
    "application_name": "",
    "channel_binding": "disable",
    "client_encoding": "UTF8",
    "connect_timeout": "0",
    "dbname": "adopted",
    "gssdelegation": "0",
    "gssencmode": "disable",
    "gsslib": "",
    "hostaddr": "",
    "krbsrvname": "postgres",
    "load_balance_hosts": "disable",
    "max_protocol_version": "3.0",
    "min_protocol_version": "3.0",
    "options": "",
    "password": "",
    "require_auth": "",
    "requirepeer": "",
    "ssl_max_protocol_version": "",
    "ssl_min_protocol_version": "TLSv1.2",
    "sslcert": "",
    "sslcertmode": "disable",
    "sslcompression": "0",
    "sslcrl": "",
    "sslcrldir": "",
    "sslkey": "",
    "sslmode": "disable",
    "sslnegotiation": "postgres",
    "sslrootcert": "",
    "sslsni": "0",
    "target_session_attrs": "any",
    "user": "adopted",
}


class Adopter:
    """Hands lent sockets to libpq, by way of sockets in a directory of our own."""

    def __init__(self, directory: Path) -> None:
        longest = len(os.fsencode(_socket_path(directory, _PORT_MAX)))
        if longest > PATH_MAX_BYTES:
            raise AdoptionError("the adoption directory's path is too long for a Unix socket")
        self._directory = directory
        # Two threads may adopt at the same time, each by a socket of its own.
        self._ports = itertools.cycle(range(1, _PORT_MAX + 1))

    def adopt(
        self, borrowed: Borrowed, *, patience: Patience, on_close: Callable[[], None]
    ) -> LentConnection:
        """Return a psycopg connection on the lent session; raise AdoptionError, and keep nothing.

        The borrowed descriptor is closed in any case. *on_close* is the connection's to call, once.
        """
        try:
            session = session_of(borrowed, PostgresSession)
            secret = secrets.token_bytes(_SECRET_BYTES)
            pgconn = self._start(StartUp(session, secret=secret))
            os.dup2(borrowed.descriptor, pgconn.socket, inheritable=False)
        finally:
            os.close(borrowed.descriptor)
        pgconn.nonblocking = 1
        return LentConnection(pgconn, handle=borrowed.handle, patience=patience, on_close=on_close)

    def _start(self, start_up: StartUp) -> PGconn:
        port = next(self._ports)
        path = _socket_path(self._directory, port)
        # A socket of that name can only be what a killed process has left.
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.settimeout(0)
            try:
                listener.bind(os.fspath(path))
                listener.listen(1)
                return _connect(_conninfo(self._directory, port), listener, start_up)
            except (Error, StartUpError, OSError):
                # What the driver says may quote its whole configuration.
                raise AdoptionError("the driver did not start up on the lent session") from None
            finally:
                path.unlink(missing_ok=True)


def forget_environment() -> None:
    """Take libpq's own variables away.

    A connection string with every option in it outdoes them all but PGSERVICE.
    """
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def _connect(conninfo: bytes, listener: socket.socket, start_up: StartUp) -> PGconn:
    pgconn = pq.PGconn.connect_start(conninfo)
    if pgconn.status == pq.ConnStatus.BAD:
        raise StartUpError("libpq did not connect")
    server, _ = listener.accept()
    with server:
        # Both ends are ours: whoever waited here for the other would wait for itself.
        server.settimeout(0)
        _check_peer(server)
        for _ in range(_ROUNDS_MAX):
            status = pgconn.connect_poll()
            if status == pq.PollingStatus.FAILED:
                raise StartUpError("libpq refused the start-up")
            if status == pq.PollingStatus.OK:
                return pgconn
            _answer(server, start_up)
    raise StartUpError("libpq did not come to an end")


def _answer(server: socket.socket, start_up: StartUp) -> None:
    try:
        received = server.recv(START_UP_MAX_BYTES)
    except BlockingIOError:
        return
    server.sendall(start_up.answer(received))


def _check_peer(server: socket.socket) -> None:
    pid, _, _ = _PEER.unpack(server.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    if pid != os.getpid():
        raise StartUpError("another process came to our socket")


def _conninfo(directory: Path, port: int) -> bytes:
    # A file that does not exist holds no password; about /dev/null libpq prints a warning.
    nowhere = os.fspath(directory / "no-such-file")
    return make_conninfo(
        "", host=os.fspath(directory), port=port, passfile=nowhere, **_CONNINFO
    ).encode()


def _socket_path(directory: Path, port: int) -> Path:
    return directory / f".s.PGSQL.{port}"
