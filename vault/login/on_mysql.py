"""What a login does at a server of MySQL's protocol, in the steps of its machines."""

from collections.abc import Generator
from pathlib import Path
from typing import Final

from vault.login import mysql
from vault.login.mysql_authentication import Terms
from vault.login.refusals import LoginRefusedError, Stage, other_engines_login
from vault.login.steps import LoggedIn, Step
from wire.lending import CancelStatement, Target
from wire.names import MysqlAuth

CANCELS_LOGGED_IN: Final = True
"""KILL QUERY is a statement."""


def require_usable(target: Target) -> None:
    """Refuse a directory as host, where PostgreSQL's sockets would be."""
    if target.host.startswith("/") and Path(target.host).is_dir():
        raise LoginRefusedError(
            Stage.CONNECT, '"host" is a directory; for MySQL it must be the file of the socket.'
        )


def log_in(target: Target, password: bytearray) -> Generator[Step, bytes, LoggedIn]:
    """Return the machine of a login."""
    whose = mysql.MysqlTarget(user=target.user, database=target.database)
    return mysql.log_in(whose, password, terms=_terms(target))


def cancel(order: CancelStatement) -> Generator[Step, bytes, None]:
    """Return the machine that cancels what another session runs."""
    return mysql.kill(order.backend_id, "QUERY")


def end(backend_id: int) -> Generator[Step, bytes, None]:
    """Return the machine that ends another session of the same user."""
    return mysql.kill(backend_id, "CONNECTION")


def goodbye() -> bytes:
    """Return the message that ends a session politely."""
    return mysql.quit_message()


def _terms(target: Target) -> Terms:
    return Terms(
        minimum=_minimum(target),
        starts_tls=target.tls is not None,
        is_verified=target.tls is not None and target.tls.is_verified,
        server_key=_server_key(target),
    )


def _minimum(target: Target) -> MysqlAuth:
    match target.auth:
        case "scram-sha-256" | "md5" | "password":
            raise other_engines_login()
        case _:
            return target.auth


def _server_key(target: Target) -> bytes | None:
    if target.server_key is None:
        return None
    try:
        return Path(target.server_key).read_bytes()
    except OSError:
        raise LoginRefusedError(
            Stage.NEGOTIATE, 'The file of "server_public_key" cannot be read.'
        ) from None
