"""A login desk in the test's own process, with a real login server and real logins behind it."""

import os
import select
import socket
import time
from collections.abc import Callable
from typing import Final, Self

from tests.harness.children import Child
from tests.harness.memory import find_descendants
from vault.attempts import Attempts
from vault.jobs import Job, NamedCredential
from vault.logins import LoginDesk
from vault.reach import Reach
from vault.seal import Keys
from vault.secret import SecretPage
from vault.state import Credential
from wire.control import Pair, Ready
from wire.lending import LoginDone, LoginJob, LoginOutcome, OpenSession
from wire.logs import Log
from wire.names import Incarnation
from wire.packets import receive_packet, socket_pair

NAME: Final = "MAIN_DB_CREDENTIALS"
TURN_S: Final = 0.05
PATIENCE_S: Final = 20.0


class Desk:
    """The desk, turned by hand: nothing happens but in `wait_for`."""

    def __init__(self, *, spares: int = 2, proceeds: bool = True) -> None:
        self.proceeds = proceeds
        self._keys = Keys(SecretPage.own())
        self.attempts = Attempts()
        self.reach = Reach()
        self._watched: set[socket.socket] = set()
        self.desk = LoginDesk(
            self._keys,
            self.attempts,
            self.reach,
            watch=self._watched.add,
            forget=self._watched.discard,
            log=Log("test"),
        )
        # Whoever holds the writing end is, to the logins, the supervisor.
        self._death_watch, self._alive = os.pipe()
        self.server = Child(
            "login-server",
            settings={"spares": spares},
            descriptors=[self._death_watch],
        )
        self.server.hear(Ready)
        self.link, theirs = socket_pair()
        with theirs:
            pair = Pair(role="vault", incarnation=Incarnation("vault-1.test"))
            self.server.say(pair, [theirs.fileno()])
        self.desk.use_server(self.link)
        self.pids: list[int] = []
        """Every login's process, in the order in which they get their jobs."""
        self.outcomes: list[LoginOutcome] = []
        self.wait_for(lambda: len(self.pids) >= spares)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.__exit__()
        self.link.close()
        os.close(self._death_watch)
        if self._alive >= 0:
            os.close(self._alive)
        for end in [*self.desk._spares, *self.desk._running]:
            end.close()

    def lose_supervisor(self) -> None:
        """Close the writing end of the death pipe."""
        os.close(self._alive)
        self._alive = -1

    def submit(
        self, order: LoginJob, password: str | None = None, handover: socket.socket | None = None
    ) -> None:
        """Hand a job in; what its login says is found in `outcomes`."""
        named = None
        if password is not None:
            sealed = self._keys.seal_credential(memoryview(password.encode()), name=NAME)
            named = NamedCredential(NAME, Credential("user", sealed))
        descriptor = None if handover is None else os.dup(handover.fileno())
        deadline = time.monotonic() + order.deadline_ms / 1000

        def heard(outcome: LoginOutcome) -> None:
            self.outcomes.append(outcome)
            if self.proceeds and isinstance(order, OpenSession) and isinstance(outcome, LoginDone):
                self.desk.proceed(order.handle)

        self.desk.submit(Job(order, NAME, named, heard, deadline, descriptor))

    def outcome(self) -> LoginOutcome:
        """Return the next outcome."""
        self.wait_for(lambda: bool(self.outcomes))
        return self.outcomes.pop(0)

    def do(self, order: LoginJob, password: str | None = None) -> LoginOutcome:
        """Have a login do *order*, and return its outcome."""
        self.submit(order, password)
        return self.outcome()

    def turn(self) -> None:
        """Hear whoever has something to say, once."""
        ready, _, _ = select.select([self.link, *self._watched], [], [], TURN_S)
        for source in ready:
            if source is self.link:
                data, descriptors = receive_packet(self.link)
                # One for each offer, in the order of their birth.
                self.pids.append(min(set(find_descendants(self.server.pid)) - set(self.pids)))
                self.desk.take_spare(data, descriptors)
            else:
                self.desk.hear(source)
        self.desk.give_up_late(now=time.monotonic())

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Turn until it is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "the login does not answer"
            self.turn()
