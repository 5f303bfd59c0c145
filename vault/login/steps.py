"""What a login machine may ask of whoever carries its bytes: send these, receive that many.

A machine is a generator that yields steps and touches no socket. `Send` is answered with b"".
`Receive` is answered with exactly that many bytes, never more, so that nothing of what follows the
login is left in a buffer; fewer bytes mean that the server closed the connection. `StartTls` is
answered with the server's certificate (DER), when the connection is encrypted and the server is
who it should be, as far as the connection's mode asks; all later steps are carried inside.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeAlias

from vault.login.refusals import LoginRefusedError, Stage
from wire.lending import Session


@dataclass(frozen=True, slots=True)
class Send:
    """Send all of these bytes; they may prove the password, so they show in no repr.

    A machine that sends a bytearray overwrites it afterwards: whoever carries it keeps no copy.
    """

    data: bytes | bytearray = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receive:
    """Receive exactly this many bytes, at least one."""

    exactly_bytes: int
    silence: LoginRefusedError | None = None
    """What to raise, if not the usual, where the time is over before the first of them has come."""


@dataclass(frozen=True, slots=True)
class StartTls:
    """Encrypt the connection from here on; *alpn* is the protocol to agree on, if there is one."""

    alpn: str | None = None


Step: TypeAlias = Send | Receive | StartTls
"""All that a machine may yield."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """What a machine that logs in returns: a session, ready for its first statement."""

    session: Session
    cancel_key: bytes = field(default=b"", repr=False)
    """What PostgreSQL wants to see in a CancelRequest; MySQL has none."""


def receive_exactly(
    stage: Stage, exactly_bytes: int, silence: LoginRefusedError | None = None
) -> Generator[Receive, bytes, bytes]:
    """Receive so much; a server that closes the connection before is a refusal at *stage*."""
    received = yield Receive(exactly_bytes, silence)
    if len(received) != exactly_bytes:
        raise LoginRefusedError(stage, "The server closed the connection.")
    return received
