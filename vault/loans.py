"""Loans: every connection that the vault lent, to which executor, and under which caps; pure.

A loan is on record before its login starts and until its executor says that the connection is
closed, or the executor itself is gone.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from wire.faults import Fault, FaultCode, RefusedError
from wire.lending import LoginDone
from wire.names import DYNAMIC, Handle, Incarnation, PoolKey

LOANS_MAX: Final = 2_000
"""Of all connections together: what is on record must fit the saved state."""


class LoanLimitError(RefusedError):
    """As many connections are lent as may be: of this principal, of this database, or of all."""


class Loan(Struct, frozen=True, forbid_unknown_fields=True):
    """One lent connection. Without `backend_id` its login has not ended yet.

    `cancel_key` is the server's (BackendKeyData); no executor ever sees it.
    """

    handle: Handle
    executor: Incarnation
    pool: PoolKey
    backend_id: int = 0
    cancel_key: bytes = b""
    address: str | None = None
    """The server's, at which the session is; its host's name may lead to another one later."""
    is_interrupted: bool = False


class Caps(NamedTuple):
    """How many connections of one name may be lent at once: to all, to one principal."""

    per_database: int
    per_principal: int


class Loans:
    """All lent connections."""

    def __init__(self, caps: Caps, loans: Iterable[Loan] = ()) -> None:
        self._caps = caps
        self._lent = {loan.handle: loan for loan in loans}

    def all(self) -> tuple[Loan, ...]:
        """Return every loan, oldest first."""
        return tuple(self._lent.values())

    def reserve(self, handle: Handle, executor: Incarnation, pool: PoolKey) -> None:
        """Put a loan on record; raise LoanLimitError when there are too many."""
        same = [loan for loan in self._lent.values() if loan.pool.connection == pool.connection]
        own = sum(loan.pool.principal == pool.principal for loan in same)
        if own >= self._caps.per_principal:
            raise _too_many(self._caps.per_principal, " to this database for one client")
        if len(same) >= self._caps.per_database:
            raise _too_many(self._caps.per_database, " to this database")
        if pool.connection.startswith(DYNAMIC) and self._brought(pool) >= self._caps.per_database:
            # Each has a pool of its own, and all of them may be at one database.
            raise _too_many(self._caps.per_database, " by connect_storage for one client")
        if len(self._lent) >= LOANS_MAX:
            raise _too_many(LOANS_MAX, "")
        self._lent[handle] = Loan(handle, executor, pool)

    def _brought(self, pool: PoolKey) -> int:
        pools = [loan.pool for loan in self._lent.values()]
        mine = [one for one in pools if one.principal == pool.principal]
        return sum(one.connection.startswith(DYNAMIC) for one in mine)

    def logged_in(self, handle: Handle, done: LoginDone) -> bool:
        """Note how the session can be cancelled; return False when nobody waits for it any more."""
        loan = self._lent.get(handle)
        if loan is None:
            return False
        self._lent[handle] = replace(
            loan, backend_id=done.backend_id, cancel_key=done.cancel_key, address=done.address
        )
        return True

    def interrupt(self, handle: Handle) -> bool:
        """Note that this loan's statement is being cancelled; return False if it was before."""
        loan = self._lent[handle]
        self._lent[handle] = replace(loan, is_interrupted=True)
        return not loan.is_interrupted

    def forget(self, handle: Handle) -> Loan | None:
        """Strike and return a loan whose login failed."""
        return self._lent.pop(handle, None)

    def of(self, executor: Incarnation, handle: Handle) -> Loan | None:
        """Return the loan if it is this executor's: a guessed handle finds nothing."""
        loan = self._lent.get(handle)
        return loan if loan is not None and loan.executor == executor else None

    def returned(self, executor: Incarnation, handles: Iterable[Handle]) -> None:
        """Strike what this executor has closed."""
        for handle in handles:
            if self.of(executor, handle) is not None:
                del self._lent[handle]

    def reconcile(self, executor: Incarnation, held: Iterable[Handle]) -> None:
        """Strike this executor's loans but those that it says it holds."""
        keep = set(held)
        for loan in self.held_by(executor):
            if loan.handle not in keep:
                del self._lent[loan.handle]

    def held_by(self, executor: Incarnation, pool: PoolKey | None = None) -> list[Loan]:
        """Return the loans of one executor, or of one of its pools."""
        return [
            loan
            for loan in self._lent.values()
            if loan.executor == executor and pool in (None, loan.pool)
        ]

    def take_all_of(self, executor: Incarnation) -> list[Loan]:
        """Strike and return all that was lent to an executor that is gone."""
        lost = self.held_by(executor)
        for loan in lost:
            del self._lent[loan.handle]
        return lost


def _too_many(limit: int, whose: str) -> LoanLimitError:
    sentence = f"The limit of {limit} open connections{whose} is reached"
    return LoanLimitError(Fault(code=FaultCode.CONNECTION_LIMIT, message=sentence))
