"""PyMySQL takes over a session that somebody else has logged in: it is given socket and state."""

import os
from collections.abc import Callable

from executor.adopting import AdoptionError, session_of
from executor.borrowing import Borrowed
from executor.mysql.lent import MysqlConnection
from executor.waiting import Patience
from wire.lending import MysqlSession


def adopt(
    borrowed: Borrowed, *, patience: Patience, on_close: Callable[[], None]
) -> MysqlConnection:
    """Return PyMySQL's connection on the lent session; raise AdoptionError, and keep nothing.

    The borrowed descriptor is the connection's, or closed. *on_close* is the connection's to call,
    once.
    """
    try:
        session = session_of(borrowed, MysqlSession)
    except AdoptionError:
        os.close(borrowed.descriptor)
        raise
    return MysqlConnection(
        borrowed.descriptor, session, handle=borrowed.handle, patience=patience, on_close=on_close
    )
