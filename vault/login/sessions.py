"""What a login does at a server, whichever engine it speaks to."""

import base64
import os
from collections.abc import Generator
from pathlib import Path
from typing import Final

from vault.login import mysql, mysql_authentication, postgres, postgres_authentication
from vault.login.carrier import Carrier
from vault.login.refusals import LoginRefusedError, Stage
from vault.login.steps import LoggedIn, Step
from vault.wiping import wipe
from wire.lending import CancelStatement, Target
from wire.names import MysqlAuth, PostgresAuth

APPLICATION_NAME: Final = "strongroom"
NONCE_BYTES: Final = 18


def connect(target: Target, carrier: Carrier) -> None:
    """Connect to the target's server, and say nothing there."""
    if target.engine == "mysql" and target.host.startswith("/") and Path(target.host).is_dir():
        raise LoginRefusedError(
            Stage.CONNECT, '"host" is a directory; for MySQL it must be the file of the socket.'
        )
    carrier.connect(target.host, target.port, target.allowed, address=target.address)


def log_in(target: Target, password: bytearray, carrier: Carrier) -> LoggedIn:
    """Log in on a connection that was just made; *password* is overwritten in any case."""
    try:
        return carrier.drive(_login(target, password), Stage.AUTHENTICATE)
    finally:
        wipe(password)


def needs_password(order: CancelStatement) -> bool:
    """Return whether cancelling takes a session of its own."""
    return order.target.engine == "mysql"


def cancel(order: CancelStatement, carrier: Carrier) -> None:
    """Cancel what another session runs: on MySQL after logging in, on PostgreSQL without."""
    if order.target.engine == "mysql":
        carrier.drive(mysql.kill(order.backend_id, "QUERY"), Stage.END_SESSION)
        leave(order.target, carrier)
        return
    machine = postgres.cancel(
        order.backend_id, order.cancel_key, terms=_postgres_terms(order.target)
    )
    carrier.drive(machine, Stage.END_SESSION)
    carrier.await_end()


def end(target: Target, backend_id: int, carrier: Carrier) -> None:
    """End another session of the same user, after logging in."""
    if target.engine == "mysql":
        carrier.drive(mysql.kill(backend_id, "CONNECTION"), Stage.END_SESSION)
    else:
        carrier.drive(postgres.end_session(backend_id), Stage.END_SESSION)


def leave(target: Target, carrier: Carrier) -> None:
    """End our own session politely."""
    carrier.send_last(mysql.quit_message() if target.engine == "mysql" else postgres.terminate())


def _login(target: Target, password: bytearray) -> Generator[Step, bytes, LoggedIn]:
    if target.engine == "mysql":
        return mysql.log_in(
            mysql.MysqlTarget(user=target.user, database=target.database),
            password,
            terms=_mysql_terms(target),
        )
    return postgres.log_in(
        postgres.PostgresTarget(
            user=target.user, database=target.database, application_name=APPLICATION_NAME
        ),
        password,
        nonce=base64.b64encode(os.urandom(NONCE_BYTES)).decode(),
        terms=_postgres_terms(target),
    )


def _postgres_terms(target: Target) -> postgres_authentication.Terms:
    return postgres_authentication.Terms(
        minimum=_postgres_minimum(target),
        starts_tls=target.tls is not None,
        is_direct=target.tls is not None and target.tls.is_direct,
        is_verified=_is_verified(target),
        channel_binding=target.channel_binding,
    )


def _mysql_terms(target: Target) -> mysql_authentication.Terms:
    return mysql_authentication.Terms(
        minimum=_mysql_minimum(target),
        starts_tls=target.tls is not None,
        is_verified=_is_verified(target),
        server_key=_server_key(target),
    )


def _is_verified(target: Target) -> bool:
    return target.tls is not None and target.tls.is_verified


def _postgres_minimum(target: Target) -> PostgresAuth:
    match target.auth:
        case "scram-sha-256" | "md5" | "password":
            return target.auth
        case _:
            raise _other_engines()


def _mysql_minimum(target: Target) -> MysqlAuth:
    match target.auth:
        case "scram-sha-256" | "md5" | "password":
            raise _other_engines()
        case _:
            return target.auth


def _other_engines() -> LoginRefusedError:
    return LoginRefusedError(Stage.NEGOTIATE, '"auth" is a login of another engine.')


def _server_key(target: Target) -> bytes | None:
    if target.server_key is None:
        return None
    try:
        return Path(target.server_key).read_bytes()
    except OSError:
        raise LoginRefusedError(
            Stage.NEGOTIATE, 'The file of "server_public_key" cannot be read.'
        ) from None
