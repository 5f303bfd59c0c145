"""Errands whose logins the test plays: it reads each job as a login does, and says what came of it.

So what is asked of a login is seen as it is sent, and nothing needs a database.
"""

import socket
from collections import deque
from contextlib import ExitStack
from typing import Final, Self

from tests.unit.vault.making import VARIABLE, a_state_memory, the_settings
from vault.attempts import Attempts
from vault.errands import Errands
from vault.logins import LoginDesk
from vault.reach import Reach
from vault.records import Records
from vault.seal import Keys
from vault.secret import SecretPage
from vault.settings import NamedConnection
from vault.state import Credential, Slots
from wire.codec import LOGIN_JOB, encode
from wire.lending import LoginJob, LoginOutcome, Spare
from wire.logs import Log
from wire.packets import receive_packet, send_packet, socket_pair

USER: Final = "jürgen"


class PlayedLogin:
    """One login's end of its socket to the vault."""

    def __init__(self, desk: LoginDesk, link: socket.socket, theirs: socket.socket) -> None:
        self._desk = desk
        self._link = link
        self._theirs = theirs
        self.order: LoginJob = LOGIN_JOB.decode(receive_packet(link).content)
        self.password = self._next()
        """None where none followed."""

    def _next(self) -> bytes | None:
        try:
            return self._link.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None

    def say(self, outcome: LoginOutcome) -> None:
        """Say this to the vault, which hears it."""
        send_packet(self._link, encode(outcome))
        self._desk.hear(self._theirs)


class PlayedLogins:
    """Errands for one connection."""

    def __init__(self, connection: NamedConnection, password: str) -> None:
        self.connection = connection
        self.attempts = Attempts()
        reach, keys = Reach(), Keys(SecretPage.own())
        self._stack = ExitStack()
        self._offered: deque[socket.socket] = deque()
        self._begun: deque[socket.socket] = deque()
        """The vault's ends of those that have a job, and that nobody plays yet."""
        log = Log("test")
        self.desk = LoginDesk(
            keys,
            self.attempts,
            reach,
            watch=self._begun.append,
            forget=lambda _login: None,
            log=log,
        )
        self.keys, self.settings = keys, the_settings(connection)
        self.records = Records(Slots(a_state_memory(), keys), self.settings)
        sealed = keys.seal_credential(memoryview(password.encode()), name=VARIABLE)
        self.records.credentials[VARIABLE] = Credential(USER, sealed)
        self.errands = Errands(
            self.records,
            self.desk,
            self.attempts,
            reach,
            connections=self.records.connections,
            allowed=(),
            log=log,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()
        for end in [*self.desk._spares, *self.desk._running]:
            end.close()

    def next(self) -> PlayedLogin | None:
        """Be the next login; return None where the vault has no job for one."""
        if not self._offered:
            link, spare = socket_pair()
            self._offered.append(self._stack.enter_context(link))
            self.desk.take_spare(encode(Spare()), (spare.detach(),))
        if not self._begun:
            return None
        return PlayedLogin(self.desk, self._offered.popleft(), self._begun.popleft())
