"""A connection for a pool: borrowed from the vault, adopted by the driver, looked at once."""

from collections.abc import Callable
from contextlib import ExitStack

from executor.adopt.lent import LentConnection
from executor.adopt.psycopg import Adopter, AdoptionError
from executor.borrowing import BorrowRefusedError, VaultLink
from executor.cleaning import prepare_new
from executor.engines import Need
from executor.pipeline import LostError
from wire.faults import Fault, FaultCode


class Opening:
    """Opens the connections of every engine."""

    def __init__(self, vault: VaultLink, adopter: Adopter) -> None:
        self._vault = vault
        self._adopter = adopter

    def open_one(self, need: Need, on_close: Callable[[], None]) -> LentConnection:
        """Return a new connection; *on_close* is called once, when it is closed or never comes.

        Raises BorrowRefusedError or StoppedError.
        """
        closing = ExitStack()
        closing.callback(on_close)
        try:
            return self._open(need, closing)
        except AdoptionError:
            closing.close()
            raise BorrowRefusedError(Fault(code=FaultCode.INTERNAL)) from None
        except LostError:
            closing.close()
            raise BorrowRefusedError(Fault(code=FaultCode.UNAVAILABLE)) from None
        except BaseException:
            closing.close()
            raise

    def _open(self, need: Need, closing: ExitStack) -> LentConnection:
        loan = self._vault.borrow(need.grant, need.patience)
        closing.callback(self._vault.returned, loan.session.handle)
        connection = self._adopter.adopt(loan, patience=need.patience, on_close=closing.close)
        try:
            prepare_new(connection, need.patience)
        except BaseException:
            connection.close()
            raise
        return connection
