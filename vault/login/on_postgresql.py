"""What a login does at a PostgreSQL server, in the steps of its machines."""

import base64
import os
from collections.abc import Generator
from typing import Final

from vault.login import postgres
from vault.login.postgres_authentication import Terms
from vault.login.refusals import other_engines_login
from vault.login.steps import LoggedIn, Step
from wire.lending import CancelStatement, Target
from wire.names import PostgresAuth

CANCELS_LOGGED_IN: Final = False
"""The cancel key says who asks."""

_APPLICATION_NAME: Final = "strongroom"
_NONCE_BYTES: Final = 18


def require_usable(target: Target) -> None:
    """Take any host."""


def log_in(target: Target, password: bytearray) -> Generator[Step, bytes, LoggedIn]:
    """Return the machine of a login."""
    return postgres.log_in(
        postgres.PostgresTarget(
            user=target.user, database=target.database, application_name=_APPLICATION_NAME
        ),
        password,
        nonce=base64.b64encode(os.urandom(_NONCE_BYTES)).decode(),
        terms=_terms(target),
    )


def cancel(order: CancelStatement) -> Generator[Step, bytes, None]:
    """Return the machine that cancels what another session runs."""
    return postgres.cancel(order.backend_id, order.cancel_key, terms=_terms(order.target))


def end(backend_id: int) -> Generator[Step, bytes, None]:
    """Return the machine that ends another session of the same user."""
    return postgres.end_session(backend_id)


def goodbye() -> bytes:
    """Return the message that ends a session politely."""
    return postgres.terminate()


def _terms(target: Target) -> Terms:
    return Terms(
        minimum=_minimum(target),
        starts_tls=target.tls is not None,
        is_direct=target.tls is not None and target.tls.is_direct,
        is_verified=target.tls is not None and target.tls.is_verified,
        channel_binding=target.channel_binding,
    )


def _minimum(target: Target) -> PostgresAuth:
    match target.auth:
        case "scram-sha-256" | "md5" | "password":
            return target.auth
        case _:
            raise other_engines_login()
