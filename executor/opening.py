"""A connection for a pool: borrowed from the vault, adopted by the driver, looked at once."""

from collections.abc import Callable
from contextlib import ExitStack

from executor.adopt.lent import LentConnection
from executor.adopt.psycopg import Adopter, AdoptionError
from executor.borrowing import VaultLink
from executor.cleaning import prepare_new
from executor.engines import Need
from executor.pipeline import LostError
from wire.faults import Fault, FaultCode, RefusedError


class Opening:
    """Opens the connections of every engine."""

    def __init__(self, vault: VaultLink, adopter: Adopter) -> None:
        self._vault = vault
        self._adopter = adopter

    def open_one(self, need: Need, on_close: Callable[[], None]) -> LentConnection:
        """Return a new connection; *on_close* is called once, when it is closed or never comes.

        Raises RefusedError or StoppedError.
        """
        closing = ExitStack()
        closing.callback(on_close)
        try:
            return self._open(need, closing)
        except AdoptionError:
            closing.close()
            raise RefusedError(Fault(code=FaultCode.INTERNAL)) from None
        except LostError:
            closing.close()
            raise RefusedError(Fault(code=FaultCode.UNAVAILABLE)) from None
        except BaseException:
            closing.close()
            raise

    def _open(self, need: Need, closing: ExitStack) -> LentConnection:
        borrowed = self._vault.borrow(need.grant, need.patience)
        closing.callback(self._vault.returned, borrowed.session.handle)
        connection = self._adopter.adopt(borrowed, patience=need.patience, on_close=closing.close)
        try:
            prepare_new(connection)
        except BaseException:
            connection.close()
            raise
        return connection
