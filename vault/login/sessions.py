"""What a login does at a server, whichever engine it speaks to."""

from collections.abc import Generator
from typing import Protocol

from vault.login import on_mysql, on_postgresql
from vault.login.carrier import Carrier
from vault.login.refusals import Stage
from vault.login.steps import LoggedIn, Step
from vault.wiping import wipe
from wire.lending import CancelStatement, Target


class EngineLogin(Protocol):
    """What is said at servers of one kind; each function that talks returns a machine's steps."""

    @property
    def CANCELS_LOGGED_IN(self) -> bool:  # noqa: N802 - a module's constant
        """Return whether cancelling takes a session of its own."""

    def require_usable(self, target: Target) -> None:
        """Raise LoginRefusedError for a target that is none of this kind."""

    def log_in(self, target: Target, password: bytearray) -> Generator[Step, bytes, LoggedIn]:
        """Log in; *password* is overwritten."""

    def cancel(self, order: CancelStatement) -> Generator[Step, bytes, None]:
        """Cancel what another session runs."""

    def end(self, backend_id: int) -> Generator[Step, bytes, None]:
        """End another session of the same user."""

    def goodbye(self) -> bytes:
        """Return the message that ends a session politely."""


def connect(target: Target, carrier: Carrier) -> None:
    """Connect to the target's server, and say nothing there."""
    _engine(target).require_usable(target)
    carrier.connect(target.host, target.port, target.allowed, address=target.address)


def log_in(target: Target, password: bytearray, carrier: Carrier) -> LoggedIn:
    """Log in on a connection that was just made; *password* is overwritten in any case."""
    try:
        return carrier.drive(_engine(target).log_in(target, password), Stage.AUTHENTICATE)
    finally:
        wipe(password)


def needs_password(order: CancelStatement) -> bool:
    """Return whether cancelling takes a session of its own."""
    return _engine(order.target).CANCELS_LOGGED_IN


def cancel(order: CancelStatement, carrier: Carrier) -> None:
    """Cancel what another session runs; after logging in, where that takes a session."""
    carrier.drive(_engine(order.target).cancel(order), Stage.END_SESSION)
    if needs_password(order):
        leave(order.target, carrier)
    else:
        carrier.await_end()


def end(target: Target, backend_id: int, carrier: Carrier) -> None:
    """End another session of the same user, after logging in."""
    carrier.drive(_engine(target).end(backend_id), Stage.END_SESSION)


def leave(target: Target, carrier: Carrier) -> None:
    """End our own session politely."""
    carrier.send_last(_engine(target).goodbye())


def _engine(target: Target) -> EngineLogin:
    return on_mysql if target.engine == "mysql" else on_postgresql
