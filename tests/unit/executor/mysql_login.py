"""One user of a MariaDB or MySQL server, logged in as our logins do it."""

import contextlib
import socket
from typing import Final

from pymysql.connections import Connection

from tests.harness.logins import carried, over
from tests.harness.mysql9 import Mysql9Server
from tests.harness.mysql_family import MysqlFamilyServer
from vault.login.mysql import MysqlTarget, kill, log_in
from vault.login.mysql_authentication import Terms
from wire.lending import MysqlSession, Session

SETTLED_S: Final = 10.0


class MysqlLogin:
    """Logs one user in, over and over."""

    def __init__(self, server: MysqlFamilyServer, user: str, password: str) -> None:
        self.server = server
        self.user = user
        self._password = password
        self._terms = Terms(
            minimum="mysql_native_password",
            starts_tls=False,
            is_verified=False,
            # Without TLS, MySQL takes the password itself where its cache has been emptied.
            server_key=server.public_key.read_bytes() if isinstance(server, Mysql9Server) else None,
        )

    def log_in(self) -> tuple[socket.socket, Session]:
        """Return a logged-in socket and what its driver must know of its session."""
        connection = self._dial()
        target = MysqlTarget(user=self.user, database=self.user)
        machine = log_in(target, bytearray(self._password.encode()), terms=self._terms)
        session = carried(machine, over(connection)).session
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(0)
        return connection, session

    def cancel(self, session: Session) -> None:
        """Cancel what runs in a session."""
        assert isinstance(session, MysqlSession)
        connection, _ = self.log_in()
        connection.settimeout(SETTLED_S)
        with contextlib.closing(connection):
            carried(kill(session.backend_id, "QUERY"), over(connection))

    def direct(self) -> Connection:
        """Return a connection of PyMySQL's own making, to compare with."""
        return self.server.connect(self.user, self._password, self.user)

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement on a connection of its own."""
        with self.direct() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def _dial(self) -> socket.socket:
        return socket.create_connection((self.server.host, self.server.port), timeout=SETTLED_S)
