"""What logins are sent for: to try a credential, open a session, cancel a statement, end a session.

Whoever wants one of these names a connection; which server and whose password that means is known
here, and so is whether credential and server may be tried at all.
"""

import math
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from vault.attempts import Attempts
from vault.counted import server_at
from vault.health import Health, Healths
from vault.jobs import DISMISSED, UNREACHABLE, Job, NamedCredential
from vault.loans import Loan
from vault.logins import LoginDesk
from vault.reach import Reach, Server
from vault.records import Records
from vault.settings import NamedConnection
from wire.faults import Fault, FaultCode
from wire.lending import (
    AllowedTarget,
    CancelStatement,
    EndSession,
    LoginFailed,
    LoginJob,
    LoginOutcome,
    OpenSession,
    Target,
    TryLogin,
)
from wire.logs import Log
from wire.names import ConnectionName, Handle

LOGIN_MAX_MS: Final = 15_000
"""No login may take longer, whatever its borrower could wait."""

CANCEL_MS: Final = 5_000

JUDGED_FROM_MS: Final = 1_000
"""A login with less time than this may fail to connect without the server being to blame."""

# The stages of a login that had reached the server, and those of these at which one of the two
# refused.
_REACHED: Final = frozenset(
    {
        *("encrypt", "negotiate", "authenticate", "verify_server"),
        *("start_session", "hand_over", "end_session"),
    }
)
_REFUSED: Final = _REACHED - {"hand_over", "end_session"}

Heard: TypeAlias = Callable[[LoginOutcome], None]


class Errands:
    """Sends logins, and keeps what they say of a credential."""

    def __init__(
        self,
        records: Records,
        desk: LoginDesk,
        attempts: Attempts,
        reach: Reach,
        *,
        connections: dict[ConnectionName, NamedConnection],
        allowed: tuple[AllowedTarget, ...],
        log: Log,
    ) -> None:
        self._records = records
        self._desk = desk
        self._allowed = allowed
        self._attempts = attempts
        self._reach = reach
        self._healths = Healths(attempts, reach)
        self._connections = connections
        self._log = log

    def refusal(self, connection: NamedConnection) -> Fault | None:
        """Return why a login would not even be tried now, if it would not."""
        now = time.monotonic()
        if not self._attempts.may_try(connection.counted_as, now=now):
            return Fault(code=FaultCode.LOGIN_PAUSED)
        if not self._reach.may_try(_server(connection), now=now):
            return self.unreachable(connection)
        return None

    def pause_s(self, connection: NamedConnection) -> float:
        """Return how long the credential is left alone, because it was refused too often."""
        return self._attempts.pause_s(connection.counted_as, now=time.monotonic())

    def unreachable(self, connection: NamedConnection) -> Fault:
        """Return what somebody is told whose connection's server cannot be reached."""
        left_s = self._reach.next_try_s(_server(connection), now=time.monotonic()) or 0.0
        hint = f"It is tried again in {max(1, math.ceil(left_s))} s; the operator's log says why."
        return Fault(code=FaultCode.DATABASE_UNREACHABLE, hint=hint)

    def health(self, connection: NamedConnection) -> Health:
        """Return how the connection is, as far as logins have told."""
        return self._healths.of(connection, now=time.monotonic())

    def try_login(self, connection: NamedConnection, deadline_ms: int, heard: Heard) -> None:
        """Log in and out again."""
        order = TryLogin(
            target=self._target(connection), deadline_ms=min(deadline_ms, LOGIN_MAX_MS)
        )
        self._send(order, connection, heard)

    def open_session(
        self,
        connection: NamedConnection,
        handle: Handle,
        deadline_ms: int,
        heard: Heard,
        *,
        handover: int,
    ) -> None:
        """Log in and hand the session to whoever waits at *handover*."""
        order = OpenSession(
            target=self._target(connection),
            handle=handle,
            deadline_ms=min(deadline_ms, LOGIN_MAX_MS),
        )
        self._send(order, connection, heard, handover)

    def cancel(self, loan: Loan) -> None:
        """Cancel what runs on a lent connection; on MySQL by a login with its password."""
        connection = self._connections[loan.pool.connection]
        if connection.engine == "mysql" and self._is_paused(connection):
            # The password was refused three times since this session began: it has been changed,
            # and one more try for each cancel could lock the account.
            self._log.warning("statement_not_cancelled", connection=loan.pool.connection)
            return
        order = CancelStatement(
            target=self._target(connection, address=loan.address),
            backend_id=loan.backend_id,
            cancel_key=loan.cancel_key,
            deadline_ms=CANCEL_MS,
        )
        self._send(order, connection, _nothing)

    def end_session(self, loan: Loan) -> None:
        """End one lent session at the database, whoever holds its socket."""
        if not loan.backend_id:
            return
        connection = self._connections[loan.pool.connection]
        # Not asked here: whether the server is reachable. A session that should end is worth a try.
        if self._is_paused(connection):
            self._log.warning("session_not_ended", connection=loan.pool.connection)
            return
        order = EndSession(
            target=self._target(connection, address=loan.address),
            backend_id=loan.backend_id,
            deadline_ms=CANCEL_MS,
        )
        self._send(order, connection, _nothing)

    def _is_paused(self, connection: NamedConnection) -> bool:
        return not self._attempts.may_try(connection.counted_as, now=time.monotonic())

    def _send(
        self,
        order: LoginJob,
        connection: NamedConnection,
        heard: Heard,
        handover: int | None = None,
    ) -> None:
        named = None
        if connection.engine == "mysql" or not isinstance(order, CancelStatement):
            credential = self._records.credentials[connection.variable]
            named = NamedCredential(connection.variable, credential)
        now = time.monotonic()
        probe = self._reach.begin(_server(connection), now=now)

        def noted(outcome: LoginOutcome) -> None:
            self._note_reach(order, outcome, probe)
            self._note(connection, outcome, uses_credential=named is not None)
            heard(outcome)

        deadline = now + order.deadline_ms / 1000
        self._desk.submit(Job(order, connection.counted_as, named, noted, deadline, handover))

    def _note_reach(self, order: LoginJob, outcome: LoginOutcome, probe: int) -> None:
        server = server_at(order.target.host, order.target.port)
        stage = outcome.stage if isinstance(outcome, LoginFailed) else None
        if stage is None or stage in _REACHED:
            self._reach.reached(server)
        elif (
            stage == "connect"
            and order.deadline_ms >= JUDGED_FROM_MS
            # Where a session once was says nothing of where the next one will be.
            and order.target.address is None
        ):
            self._reach.unreached(server, probe=probe, now=time.monotonic())
        else:
            self._reach.untold(server, probe=probe)

    def _note(
        self, connection: NamedConnection, outcome: LoginOutcome, *, uses_credential: bool
    ) -> None:
        """Tell the operator of a failure, and count what it says of the credential."""
        now = time.monotonic()
        if not isinstance(outcome, LoginFailed):
            if uses_credential:
                self._note_worked(connection)
                self._note_health(connection, is_healthy=True, now=now)
            return
        if outcome in (UNREACHABLE, DISMISSED):
            # Nobody tried: the login that did is in the log. Or nobody wants to know any more.
            return
        if outcome.blames_credential:
            self._attempts.refused(connection.counted_as, now=now)
        if uses_credential and outcome.stage in _REFUSED:
            self._note_health(connection, is_healthy=False, now=now)
        self._log.warning(
            "login_failed",
            connection=self._name(connection),
            # A client may have put anything into names of its own.
            host=None if connection.is_brought else connection.host,
            port=None if connection.is_brought else connection.port,
            database=None if connection.is_brought else connection.database,
            credential=connection.variable,
            stage=outcome.stage,
            sqlstate=outcome.sqlstate,
            errno=outcome.errno,
            sentence=outcome.sentence,
        )

    def _note_worked(self, connection: NamedConnection) -> None:
        if connection.account:
            # The next password for it may be a wrong one: they stay one login at a time.
            self._attempts.forget(connection.account)
        else:
            self._attempts.worked(connection.variable)

    def _name(self, connection: NamedConnection) -> str | None:
        """Return its name in the configuration; what a client brought has none at first."""
        named = self._records.connections.items()
        return next((name for name, one in named if one == connection), None)

    def _note_health(self, connection: NamedConnection, *, is_healthy: bool, now: float) -> None:
        if not connection.account:
            self._healths.note(connection, is_healthy=is_healthy, now=now)

    def forget(self, connection: NamedConnection) -> None:
        """Forget what logins told of a connection that is no more."""
        self._attempts.forget(connection.variable)
        self._healths.forget(connection)

    def _target(self, connection: NamedConnection, *, address: str | None = None) -> Target:
        return Target(
            engine=connection.engine,
            host=connection.host,
            port=connection.port,
            database=connection.database,
            user=self._records.credentials[connection.variable].user,
            auth=connection.auth,
            tls=connection.tls,
            channel_binding=connection.channel_binding,
            server_key=connection.server_key,
            address=address,
            allowed=self._allowed if connection.is_brought else None,
        )


def _server(connection: NamedConnection) -> Server:
    return server_at(connection.host, connection.port)


def _nothing(_outcome: LoginOutcome) -> None:
    """Take note of an outcome that nobody waits for."""
