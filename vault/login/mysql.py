"""Log in to MySQL or MariaDB, and do the few other things a login does there; touch no socket.

Protocol version 10. How the password is proved, and what a server may not ask for, is in
`mysql_authentication`. Each function that talks is a generator of steps; whoever carries its bytes
also keeps the time.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, Literal

from vault.login import mysql_authentication as authentication
from vault.login import mysql_errors as errors
from vault.login import mysql_frames as frames
from vault.login import mysql_greeting as greetings
from vault.login.mysql_authentication import Terms
from vault.login.refusals import LoginRefusedError, Stage, malformed
from vault.login.steps import LoggedIn, StartTls, Step
from vault.wiping import wipe
from wire.lending import MysqlSession

MAX_NAME_BYTES: Final = 512
"""128 characters of four bytes, MariaDB's limit for a user's name; all other names are shorter."""

_QUERY: Final = b"\x03"
_QUIT: Final = b"\x01\x00\x00\x00\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlTarget:
    """Whose session to start, and where."""

    user: str
    database: str


def log_in(
    target: MysqlTarget, password: bytearray, *, terms: Terms
) -> Generator[Step, bytes, LoggedIn]:
    """Log in and return the session, ready for its first command.

    *password* is overwritten once it is used, or the generator fails or is closed (a generator that
    was never started has not begun to keep that promise). Raises LoginRefusedError, and nothing
    else whatever the server sends.
    """
    try:
        user, database = _name(target.user), _name(target.database)
        authentication.require_usable(password, terms)
        exchange = frames.Exchange()
        first = yield from exchange.receive(Stage.NEGOTIATE, silence=greetings.silence())
        greeting = greetings.read(first)
        greetings.require_capable(greeting, starts_tls=terms.starts_tls)
        if terms.starts_tls:
            yield from exchange.send(greetings.tls_request())
            yield StartTls()
        attempt = authentication.begin(greeting, password, terms=terms)
        response = greetings.response(
            user,
            database,
            plugin=attempt.plugin,
            proof=attempt.proof,
            starts_tls=terms.starts_tls,
        )
        yield from exchange.send(response)
        status = yield from authentication.complete(exchange, attempt, password, terms=terms)
    finally:
        wipe(password)
    return LoggedIn(
        session=MysqlSession(
            backend_id=greeting.connection_id,
            version=greeting.version,
            capabilities=int(greetings.CAPABILITIES),
            charset=greetings.CHARSET,
            status=status,
        )
    )


def kill(backend_id: int, what: Literal["QUERY", "CONNECTION"]) -> Generator[Step, bytes, None]:
    """Cancel what another session runs, or end it, from a connection that has just logged in.

    A session that is no more is as good as killed. Both are of the same user, unless the one that
    kills may do more.
    """
    exchange = frames.Exchange()
    yield from exchange.send(_QUERY, b"KILL %b %d" % (what.encode(), backend_id))
    reply = yield from exchange.receive(Stage.END_SESSION)
    if errors.number_of(reply) == errors.NO_SUCH_THREAD:
        return
    if reply.startswith(errors.ERROR):
        raise errors.refusal(Stage.END_SESSION, reply)
    if not reply.startswith(frames.OK):
        raise malformed(Stage.END_SESSION)
    frames.status_of(reply, Stage.END_SESSION)


def quit_message() -> bytes:
    """Return the message that ends a session politely."""
    return _QUIT


def _name(text: str) -> bytes:
    # A NUL would end the name early, and what follows would be read as something else.
    if not text or "\0" in text:
        raise LoginRefusedError(Stage.NEGOTIATE, "A start-up value is empty or holds a NUL.")
    try:
        name = text.encode()
    except UnicodeEncodeError:
        raise LoginRefusedError(Stage.NEGOTIATE, "A start-up value is not Unicode text.") from None
    if len(name) > MAX_NAME_BYTES:
        raise LoginRefusedError(Stage.NEGOTIATE, "The start-up values are too long.")
    return name
