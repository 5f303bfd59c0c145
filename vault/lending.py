"""Lending: what executors ask over their socket pairs, and what becomes of what they borrowed.

An executor's word counts for its own loans only. What it holds ends with it: the sessions are
ended at the database, since a server goes on with a statement whose client has died.
"""

import secrets
import time
from collections.abc import Collection
from typing import Final

from vault import grants
from vault.borrows import Borrows
from vault.conduct import Conduct
from vault.errands import Errands
from vault.jobs import refuse_handover
from vault.loans import LoanLimitError
from vault.logins import LoginDesk
from vault.recall import Recall
from vault.records import Records
from vault.seal import Keys
from vault.settings import NamedConnection
from wire.faults import Fault, FaultCode
from wire.lending import (
    Borrow,
    Delivered,
    Disposed,
    FromBorrower,
    Holding,
    Interrupt,
    LoginDone,
    LoginFailed,
    LoginOutcome,
    Returned,
    Withdrawn,
)
from wire.logs import Log
from wire.names import ConnectionName, Handle, Incarnation
from wire.packets import close_all, is_packet_socket

HANDLE_BYTES: Final = 16


class Lending:
    """The vault's side of every borrowed connection."""

    def __init__(
        self,
        records: Records,
        keys: Keys,
        desk: LoginDesk,
        errands: Errands,
        recall: Recall,
        conduct: Conduct,
        *,
        connections: dict[ConnectionName, NamedConnection],
        log: Log,
    ) -> None:
        self._records = records
        self._keys = keys
        self._desk = desk
        self._errands = errands
        self._recall = recall
        self._conduct = conduct
        self._borrows = Borrows()
        self._connections = connections
        self._log = log

    def handle(
        self, executor: Incarnation, message: FromBorrower, descriptors: tuple[int, ...]
    ) -> None:
        """Do what *executor* asks; close the descriptors that its message should not have."""
        if isinstance(message, Borrow) and [*map(is_packet_socket, descriptors)] == [True]:
            self._borrow(executor, message, descriptors[0])
            return
        close_all(descriptors)
        match message:
            case Borrow():
                self._log.warning("borrow_without_socket", executor=executor)
                self._conduct.slipped(executor)
            case Withdrawn(number=number):
                self._withdraw(executor, number)
            case Returned(handles=handles):
                self._records.loans.returned(executor, handles)
                self._records.changed()
            case Holding(handles=handles):
                self._records.loans.reconcile(executor, handles)
                self._records.changed()
                self._recall.repeat(executor)
            case Interrupt(handle=handle):
                self._interrupt(executor, handle)
            case Disposed(pool=pool):
                self._recall.confirmed(pool, executor)

    def executor_gone(self, executor: Incarnation) -> None:
        """End at the database all that this executor had borrowed."""
        for loan in self._records.loans.take_all_of(executor):
            self._errands.end_session(loan)
        self._borrows.gone(executor)
        self._records.changed()
        self._recall.gone(executor)
        self._conduct.forget(executor)

    def end_absent(self, present: Collection[Incarnation]) -> None:
        """End what was lent to executors that died when there was no vault to hear of it."""
        for executor in {loan.executor for loan in self._records.loans.all()}.difference(present):
            self.executor_gone(executor)

    def _borrow(self, executor: Incarnation, message: Borrow, handover: int) -> None:
        now = time.monotonic()
        try:
            claims = grants.read(message.grant, executor=executor, now=now, mac=self._keys.mac)
        except grants.GrantRefusedError as error:
            self._log.warning("grant_refused", executor=executor, reason=str(error))
            return refuse_handover(handover, Fault(code=FaultCode.GRANT_REFUSED))
        lease = self._records.leases.find(claims.connection_id, claims.pool.principal, now=now)
        connection = self._connections.get(claims.pool.connection)
        if lease is None or lease.pool != claims.pool or connection is None:
            self._log.warning("grant_refused", executor=executor, reason="no such lease")
            return refuse_handover(handover, Fault(code=FaultCode.GRANT_REFUSED))
        if (refusal := self._errands.refusal(connection)) is not None:
            return refuse_handover(handover, refusal)
        if not self._borrows.has_room(executor):
            self._conduct.end(executor, why="connections that it does not accept")
            return refuse_handover(handover, Fault(code=FaultCode.OVERLOADED))
        handle = Handle(secrets.token_hex(HANDLE_BYTES))
        try:
            self._records.loans.reserve(handle, executor, claims.pool)
        except LoanLimitError as error:
            return refuse_handover(handover, error.fault)
        self._borrows.add(handle, executor, message.number)
        self._records.changed()

        def heard(outcome: LoginOutcome) -> None:
            self._heard_of(handle, outcome)

        return self._errands.open_session(
            connection, handle, message.deadline_ms, heard, handover=handover
        )

    def _heard_of(self, handle: Handle, outcome: LoginOutcome) -> None:
        match outcome:
            case LoginDone():
                self._logged_in(handle, outcome)
            case LoginFailed():
                self._borrows.settled(handle)
                lost = self._records.loans.forget(handle)
                self._records.changed()
                if lost is not None:
                    # Had it logged in, nobody can say who holds the session now.
                    self._errands.end_session(lost)
            case Delivered():
                # The executor has it: the loan is as it is on record.
                self._borrows.settled(handle)

    def _withdraw(self, executor: Incarnation, number: int) -> None:
        for handle in self._borrows.withdraw(executor, number):
            loan = self._records.loans.forget(handle)
            self._records.changed()
            if loan is None or not loan.backend_id:
                self._desk.withdraw(handle)
                continue
            self._desk.dismiss(handle)
            # It was on its way, and so may be held all the same by an executor that lies.
            self._errands.end_session(loan)

    def _logged_in(self, handle: Handle, done: LoginDone) -> None:
        if self._records.loans.logged_in(handle, done):
            self._records.changed()
            self._records.afterwards(lambda: self._desk.proceed(handle))
        else:
            self._desk.dismiss(handle)

    def _interrupt(self, executor: Incarnation, handle: Handle) -> None:
        loan = self._records.loans.of(executor, handle)
        if loan is None or not loan.backend_id:
            self._log.warning("interrupt_of_unknown_handle", executor=executor)
            return
        # Once is enough: what was cancelled is closed, and asking again must cost us nothing.
        if self._records.loans.interrupt(handle):
            self._errands.cancel(loan)
