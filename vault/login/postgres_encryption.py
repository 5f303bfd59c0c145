"""Ask a PostgreSQL server for TLS before a word of the login; touch no socket.

The answer to an SSLRequest is one byte, and exactly one is read: what somebody has put behind it
arrives as the beginning of the server's handshake, which it is not. There is no falling back.
"""

import struct
from collections.abc import Generator
from typing import Final

from vault.login.postgres_frames import OTHER_PROTOCOL
from vault.login.refusals import NO_TLS_OFFERED, LoginRefusedError, Stage
from vault.login.steps import Receive, Send, StartTls, Step

ALPN: Final = "postgresql"
"""What PostgreSQL 17 and later want to agree on where TLS begins at once."""

_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)
_YES: Final = b"S"


def encrypt(*, is_direct: bool) -> Generator[Step, bytes, bytes]:
    """Start TLS and return the server's certificate (DER); raise LoginRefusedError otherwise."""
    if is_direct:
        return (yield StartTls(alpn=ALPN))
    yield Send(_SSL_REQUEST)
    answer = yield Receive(1)
    if answer != _YES:
        raise LoginRefusedError(Stage.ENCRYPT, _sentence(answer))
    return (yield StartTls())


def _sentence(answer: bytes) -> str:
    match answer:
        case b"":
            return "The server closed the connection when it was asked for TLS."
        case b"N":
            return NO_TLS_OFFERED
        case b"E":
            # Anybody may have written what follows; nobody reads it (CVE-2024-10977).
            return "The server answered with an error when it was asked for TLS."
        case _:
            return OTHER_PROTOCOL
