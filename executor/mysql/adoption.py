"""PyMySQL takes over a session that somebody else has logged in: it is given socket and state."""

import os
import select
from collections.abc import Callable

from executor.adopt.psycopg import AdoptionError
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
    session = borrowed.session
    if not isinstance(session, MysqlSession):
        os.close(borrowed.descriptor)
        raise AdoptionError("the session speaks another protocol")
    poll = select.poll()
    poll.register(borrowed.descriptor, select.POLLIN)
    if poll.poll(0):
        os.close(borrowed.descriptor)
        raise AdoptionError("the session has bytes pending that nobody asked for")
    return MysqlConnection(
        borrowed.descriptor, session, handle=borrowed.handle, patience=patience, on_close=on_close
    )
