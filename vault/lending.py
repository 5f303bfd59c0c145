"""Lending: what executors ask over their socket pairs, and what becomes of what they borrowed.

An executor's word counts for its own loans only. What it holds ends with it: the sessions are
ended at the database, since a server goes on with a statement whose client has died.
"""

import secrets
import time
from collections.abc import Callable, Collection
from typing import Final

from vault import grants
from vault.attempts import Attempts
from vault.disposals import Disposals, EndSessions, Kill
from vault.loans import Loan, LoanLimitError
from vault.logins import DIED, LATE, Job, LoginDesk, NamedCredential, refuse_handover
from vault.records import Records
from vault.seal import Keys
from vault.settings import NamedConnection
from wire.faults import FaultCode
from wire.lending import (
    Borrow,
    CancelStatement,
    Delivered,
    Dispose,
    Disposed,
    EndSession,
    FromBorrower,
    Holding,
    Interrupt,
    LoginDone,
    LoginFailed,
    LoginJob,
    LoginOutcome,
    OpenSession,
    Returned,
    Target,
    ToBorrower,
)
from wire.logs import Log
from wire.names import ConnectionName, Handle, Incarnation, PoolKey
from wire.packets import close_all

LOGIN_MAX_MS: Final = 15_000
"""No login may take longer, whatever its borrower could wait."""

CANCEL_MS: Final = 5_000
HANDLE_BYTES: Final = 16


class Lending:
    """The vault's side of every borrowed connection."""

    def __init__(
        self,
        records: Records,
        keys: Keys,
        desk: LoginDesk,
        attempts: Attempts,
        *,
        connections: dict[ConnectionName, NamedConnection],
        tell: Callable[[Incarnation, ToBorrower], None],
        kill: Callable[[Incarnation], None],
        log: Log,
    ) -> None:
        self._records = records
        self._keys = keys
        self._desk = desk
        self._connections = connections
        self._tell = tell
        self._kill = kill
        self._log = log
        self.attempts: Final = attempts
        self.disposals: Final = Disposals()

    def handle(
        self, executor: Incarnation, message: FromBorrower, descriptors: tuple[int, ...]
    ) -> None:
        """Do what *executor* asks; close the descriptors that its message should not have."""
        if isinstance(message, Borrow) and len(descriptors) == 1:
            self._borrow(executor, message, descriptors[0])
            return
        close_all(descriptors)
        match message:
            case Borrow():
                self._log.warning("borrow_without_socket", executor=executor)
            case Returned(handles=handles):
                self._records.loans.returned(executor, handles)
                self._records.changed()
            case Holding(handles=handles):
                self._records.loans.reconcile(executor, handles)
                self._records.changed()
                self._repeat_disposals(executor)
            case Interrupt(handle=handle):
                self._interrupt(executor, handle)
            case Disposed(pool=pool):
                self.disposals.confirmed(pool, executor)

    def executor_gone(self, executor: Incarnation) -> None:
        """End at the database all that this executor had borrowed."""
        for loan in self._records.loans.take_all_of(executor):
            self.end_session(loan)
        self._records.changed()
        self.disposals.gone(executor)

    def end_absent(self, present: Collection[Incarnation]) -> None:
        """End what was lent to executors that died when there was no vault to hear of it."""
        for executor in {loan.executor for loan in self._records.loans.all()}.difference(present):
            self.executor_gone(executor)

    # --- borrowing ---------------------------------------------------------------------------

    def _borrow(self, executor: Incarnation, message: Borrow, handover: int) -> None:
        now = time.monotonic()
        try:
            claims = grants.read(message.grant, executor=executor, now=now, mac=self._keys.mac)
        except grants.GrantRefusedError as error:
            self._log.warning("grant_refused", executor=executor, reason=str(error))
            return refuse_handover(handover, FaultCode.GRANT_REFUSED)
        lease = self._records.leases.find(claims.connection_id, claims.pool.principal, now=now)
        connection = self._connections.get(claims.pool.connection)
        if lease is None or lease.pool != claims.pool or connection is None:
            self._log.warning("grant_refused", executor=executor, reason="no such lease")
            return refuse_handover(handover, FaultCode.GRANT_REFUSED)
        if not self.attempts.may_try(connection.variable, now=now):
            return refuse_handover(handover, FaultCode.LOGIN_PAUSED)
        handle = Handle(secrets.token_hex(HANDLE_BYTES))
        try:
            self._records.loans.reserve(handle, executor, claims.pool)
        except LoanLimitError:
            return refuse_handover(handover, FaultCode.CONNECTION_LIMIT)
        self._records.changed()
        return self._open_session(handle, connection, message, handover)

    def _open_session(
        self, handle: Handle, connection: NamedConnection, message: Borrow, handover: int
    ) -> None:
        deadline_ms = min(message.deadline_ms, LOGIN_MAX_MS)
        order = OpenSession(
            target=self.target_of(connection), handle=handle, deadline_ms=deadline_ms
        )

        def heard(outcome: LoginOutcome) -> None:
            self._session_heard(handle, connection, outcome)

        self.submit_login(order, connection, heard, handover)

    def _session_heard(
        self, handle: Handle, connection: NamedConnection, outcome: LoginOutcome
    ) -> None:
        match outcome:
            case LoginDone(backend_id=backend_id, cancel_key=cancel_key):
                self.attempts.worked(connection.variable)
                if self._records.loans.logged_in(
                    handle, backend_id=backend_id, cancel_key=cancel_key
                ):
                    self._records.changed()
                    self._records.afterwards(lambda: self._desk.proceed(handle))
                else:
                    self._desk.dismiss(handle)
            case LoginFailed():
                self.note_failure(connection, outcome)
                lost = self._records.loans.forget(handle)
                if lost is not None and outcome in (DIED, LATE):
                    # Had it logged in, nobody can say who holds the session now.
                    self.end_session(lost)
                self._records.changed()
            case Delivered():
                self._log.debug("connection_lent", handle=handle)

    def note_failure(self, connection: NamedConnection, outcome: LoginFailed) -> None:
        """Tell the operator, and count a refusal against the credential."""
        if outcome.blames_credential:
            self.attempts.refused(connection.variable, now=time.monotonic())
        self._log.warning(
            "login_failed",
            host=connection.host,
            database=connection.database,
            credential=connection.variable,
            stage=outcome.stage,
            sqlstate=outcome.sqlstate,
            sentence=outcome.sentence,
        )

    # --- cancelling and ending ---------------------------------------------------------------

    def dispose(
        self,
        pool: PoolKey,
        executors: list[Incarnation],
        when_done: Callable[[], None] | None,
    ) -> None:
        """Make every executor give up *pool*; call *when_done* when all have."""
        self.disposals.begin(pool, executors, now=time.monotonic(), when_done=when_done)
        for executor in executors:
            self._tell(executor, Dispose(pool=pool))

    def _repeat_disposals(self, executor: Incarnation) -> None:
        """Tell an executor again what the vault that died, or its socket, may have swallowed."""
        now, loans = time.monotonic(), self._records.loans.held_by(executor)
        for pool in {loan.pool for loan in loans if not self._records.leases.has(loan.pool)}:
            self.disposals.begin(pool, [executor], now=now)
        for pool in self.disposals.pending(executor):
            self._tell(executor, Dispose(pool=pool))

    def force_late(self) -> None:
        """End what executors hold of pools that they should have given up by now."""
        for command in self.disposals.tick(now=time.monotonic()):
            self._log.warning("dispose_late", executor=command.executor)
            match command:
                case EndSessions(executor=executor, pool=pool):
                    for loan in self._records.loans.held_by(executor, pool):
                        self.end_session(loan)
                case Kill(executor=executor):
                    self._kill(executor)

    def _interrupt(self, executor: Incarnation, handle: Handle) -> None:
        loan = self._records.loans.of(executor, handle)
        connection = self._connections.get(loan.pool.connection) if loan else None
        if loan is None or connection is None or not loan.backend_id:
            self._log.warning("interrupt_of_unknown_handle", executor=executor)
            return
        order = CancelStatement(
            target=self.target_of(connection),
            backend_id=loan.backend_id,
            cancel_key=loan.cancel_key,
            deadline_ms=CANCEL_MS,
        )
        self.submit_login(order, connection, self._noting_failure(connection))

    def end_session(self, loan: Loan) -> None:
        """End one lent session at the database, whoever holds its socket."""
        connection = self._connections.get(loan.pool.connection)
        if connection is None or not loan.backend_id:
            return
        if not self.attempts.may_try(connection.variable, now=time.monotonic()):
            self._log.warning("session_not_ended", connection=loan.pool.connection)
            return
        order = EndSession(
            target=self.target_of(connection), backend_id=loan.backend_id, deadline_ms=CANCEL_MS
        )
        self.submit_login(order, connection, self._noting_failure(connection))

    def _noting_failure(self, connection: NamedConnection) -> Callable[[LoginOutcome], None]:
        def heard(outcome: LoginOutcome) -> None:
            if isinstance(outcome, LoginFailed):
                self.note_failure(connection, outcome)

        return heard

    def submit_login(
        self,
        order: LoginJob,
        connection: NamedConnection,
        heard: Callable[[LoginOutcome], None],
        handover: int | None = None,
    ) -> None:
        """Have a login do *order*, with the connection's password where it needs one."""
        named = None
        if not isinstance(order, CancelStatement):
            credential = self._records.credentials[connection.variable]
            named = NamedCredential(connection.variable, credential)
        deadline = time.monotonic() + order.deadline_ms / 1000
        self._desk.submit(Job(order, named, heard, deadline, handover))

    # --- what a login needs ------------------------------------------------------------------

    def target_of(self, connection: NamedConnection) -> Target:
        """Return which server *connection* is, and as whom."""
        return Target(
            engine=connection.engine,
            host=connection.host,
            port=connection.port,
            database=connection.database,
            user=self._records.credentials[connection.variable].user,
        )
