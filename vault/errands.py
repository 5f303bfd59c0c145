"""What logins are sent for: to try a credential, open a session, cancel a statement, end a session.

Whoever wants one of these names a connection; which server and whose password that means is known
here, and so is whether the credential may be tried at all.
"""

import time
from collections.abc import Callable
from typing import Final, TypeAlias

from vault.attempts import Attempts
from vault.loans import Loan
from vault.logins import Job, LoginDesk, NamedCredential
from vault.records import Records
from vault.settings import NamedConnection
from wire.lending import (
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

Heard: TypeAlias = Callable[[LoginOutcome], None]


class Errands:
    """Sends logins, and keeps what they say of a credential."""

    def __init__(
        self,
        records: Records,
        desk: LoginDesk,
        attempts: Attempts,
        *,
        connections: dict[ConnectionName, NamedConnection],
        log: Log,
    ) -> None:
        self._records = records
        self._desk = desk
        self._attempts = attempts
        self._connections = connections
        self._log = log

    def may_try(self, connection: NamedConnection) -> bool:
        """Return whether the connection's credential may be tried now."""
        return self._attempts.may_try(connection.variable, now=time.monotonic())

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
        """Cancel what runs on a lent connection."""
        connection = self._connections[loan.pool.connection]
        order = CancelStatement(
            target=self._target(connection),
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
        if not self.may_try(connection):
            self._log.warning("session_not_ended", connection=loan.pool.connection)
            return
        order = EndSession(
            target=self._target(connection), backend_id=loan.backend_id, deadline_ms=CANCEL_MS
        )
        self._send(order, connection, _nothing)

    def _send(
        self,
        order: LoginJob,
        connection: NamedConnection,
        heard: Heard,
        handover: int | None = None,
    ) -> None:
        named = None
        if not isinstance(order, CancelStatement):
            credential = self._records.credentials[connection.variable]
            named = NamedCredential(connection.variable, credential)

        def noted(outcome: LoginOutcome) -> None:
            self._note(connection, outcome, uses_credential=named is not None)
            heard(outcome)

        deadline = time.monotonic() + order.deadline_ms / 1000
        self._desk.submit(Job(order, named, noted, deadline, handover))

    def _note(
        self, connection: NamedConnection, outcome: LoginOutcome, *, uses_credential: bool
    ) -> None:
        """Tell the operator of a failure, and count what it says of the credential."""
        if not isinstance(outcome, LoginFailed):
            if uses_credential:
                self._attempts.worked(connection.variable)
            return
        if outcome.blames_credential:
            self._attempts.refused(connection.variable, now=time.monotonic())
        self._log.warning(
            "login_failed",
            host=connection.host,
            database=connection.database,
            credential=connection.variable,
            stage=outcome.stage,
            sqlstate=outcome.sqlstate,
            sentence=outcome.sentence,
        )

    def _target(self, connection: NamedConnection) -> Target:
        return Target(
            engine=connection.engine,
            host=connection.host,
            port=connection.port,
            database=connection.database,
            user=self._records.credentials[connection.variable].user,
        )


def _nothing(_outcome: LoginOutcome) -> None:
    """Take note of an outcome that nobody waits for."""
