"""PyMySQL's connection on a lent session: it never connects, and waits as its run allows."""

import select
from collections.abc import Callable
from typing import Final, NoReturn

from pymysql.connections import Connection
from pymysql.err import OperationalError

from executor.mysql.channel import Channel
from executor.mysql.packets import QUIT
from executor.stopping import LITTLE_MAX_BYTES, LostError
from executor.waiting import Patience
from wire.lending import MysqlSession
from wire.names import Handle


class Prepared:
    """What we know of a session and the driver does not, once it is prepared."""

    def __init__(self) -> None:
        self.collation = 0
        """What the server says of text that is in our character set."""
        self.reset: tuple[bytes, ...] = ()
        """The commands that make it as new."""


class MysqlConnection(Connection):
    """It cannot reconnect, and it cannot cancel: that is the vault's."""

    def __init__(
        self,
        descriptor: int,
        session: MysqlSession,
        *,
        handle: Handle,
        patience: Patience,
        on_close: Callable[[], None],
    ) -> None:
        """Own *descriptor* from now on."""
        # The session has its TLS already, or has none.
        super().__init__(
            defer_connect=True,
            ssl_disabled=True,
            local_infile=False,
            autocommit=None,
            charset="utf8mb4",
        )
        self.handle: Final = handle
        self.patience = patience
        """Of the run that uses the connection now."""
        self.channel: Final = Channel(descriptor, self.wait_for)
        self.session: Final = Prepared()
        self.is_clean = True
        """Whether nothing but a reset that was sent stands between a run and the next; it is False
        from the moment of handing out."""
        self.resets_due: tuple[bytes, ...] = ()
        """The commands of a reset that was sent, whose answers are not read yet."""
        self._on_close: Callable[[], None] | None = on_close
        self._little_from = 0
        self._take_over(session)

    def connect(self, sock: object = None) -> NoReturn:  # noqa: ARG002 - PyMySQL's signature
        """Refuse: a session comes from the vault or not at all."""
        raise OperationalError("a lent connection does not connect")

    def expect_little(self) -> None:
        """Count anew what the server says outside of a statement."""
        self.channel.wait = self.wait_for
        self._little_from = self.channel.received_bytes

    def wait_for(self, events: int) -> int:
        """Wait as the run allows; raise LostError when the server has said too much."""
        if self.channel.received_bytes - self._little_from > LITTLE_MAX_BYTES:
            raise LostError
        return self.patience.wait(self.channel.fileno(), events)

    def has_news(self) -> bool:
        """Return whether the server says something that nobody asked for, or has gone."""
        poll = select.poll()
        poll.register(self.channel.fileno(), select.POLLIN)
        return self.channel.has_more or bool(poll.poll(0))

    def close(self) -> None:
        """Close the connection and say so, once."""
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            self._closed = True
            del self._sock, self._rfile
            self.channel.say_goodbye(QUIT)
            on_close()

    def _take_over(self, session: MysqlSession) -> None:
        """Know what PyMySQL would have learned from the greeting and the login."""
        self.server_version = session.version.decode("latin1")
        self.server_thread_id = (session.backend_id,)
        self.server_capabilities = self.client_flag = session.capabilities
        self.server_status = session.status
        self.server_charset = self.charset
        self.server_language = session.charset
        self.salt = b""
        # PyMySQL asks for a user's name where it looks whether it could connect.
        self.user = None
        self._current_timeout = None
        self._next_seq_id = 0
        self._sock = self._rfile = self.channel
