"""A connection for a pool: borrowed from the vault, adopted by the driver, looked at once."""

import os
import select
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, Generic, Protocol, TypeVar

from executor.adopting import AdoptionError
from executor.borrowing import Borrowed, VaultLink
from executor.pooling import Lent, Need
from executor.stopping import LostError
from executor.waiting import Patience
from wire.faults import Fault, FaultCode, RefusedError

_ENDS: Final = select.POLLRDHUP | select.POLLHUP | select.POLLERR


class Closable(Lent, Protocol):
    """A connection that says itself when it is closed."""

    def close(self) -> None:
        """Close the connection and say so, once."""


C = TypeVar("C", bound=Closable)
Made_co = TypeVar("Made_co", bound=Closable, covariant=True)


class Adopt(Protocol[Made_co]):
    """A driver's way to take over a session."""

    def __call__(
        self, borrowed: Borrowed, *, patience: Patience, on_close: Callable[[], None]
    ) -> Made_co:
        """Return a connection on the lent session; raise AdoptionError, and keep nothing."""


class Opening(Generic[C]):
    """Opens the connections of every engine that has the same driver."""

    def __init__(
        self, vault: VaultLink, adopt: Adopt[C], prepare: Callable[[C, Need], None]
    ) -> None:
        """Let *prepare* look at each new connection; it raises LostError or StoppedError."""
        self._vault = vault
        self._adopt = adopt
        self._prepare = prepare

    def open_one(self, need: Need, on_close: Callable[[], None]) -> C:
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

    def _open(self, need: Need, closing: ExitStack) -> C:
        borrowed = self._vault.borrow(need.grant, need.patience)
        closing.callback(self._vault.returned, borrowed.handle)
        if _has_ended(borrowed.descriptor):
            os.close(borrowed.descriptor)
            raise LostError
        connection = self._adopt(borrowed, patience=need.patience, on_close=closing.close)
        try:
            self._prepare(connection, need)
        except BaseException:
            connection.close()
            raise
        return connection


def _has_ended(descriptor: int) -> bool:
    """Return whether the server has closed the session since it was lent, whatever it said."""
    poll = select.poll()
    poll.register(descriptor, _ENDS)
    return bool(poll.poll(0))
