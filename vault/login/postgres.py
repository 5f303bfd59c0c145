"""Log in to PostgreSQL, and do the few other things a login does there; touch no socket.

Protocol 3.0. How TLS begins is in `postgres_encryption`; how the password is proved, and what a
server may not ask for, is in `postgres_authentication`. Each function that talks is a generator of
steps; whoever carries its bytes also keeps the time.
"""

import struct
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from vault.login import postgres_frames as frames
from vault.login.postgres_authentication import Terms, authenticate
from vault.login.postgres_encryption import encrypt
from vault.login.refusals import LoginRefusedError, Stage, malformed
from vault.login.steps import LoggedIn, Send, Step
from vault.wiping import wipe
from wire.lending import PostgresSession

MAX_START_UP_BYTES: Final = 10_000
"""PostgreSQL's own limit for a start-up message."""
MAX_PARAMETERS: Final = 200
"""A server reports about 15; extensions may add some."""
MAX_PARAMETERS_BYTES: Final = 64 * 1024
"""All of them travel with the connection, in one message."""
MAX_NOTICES: Final = 100
"""A login trigger may send some; nobody reads them."""
CANCEL_KEY_BYTES: Final = 4
"""What protocol 3.0 says; longer keys come with 3.2, which we do not offer."""

_PROTOCOL_3_0: Final = 3 << 16
_CANCEL_REQUEST: Final = 80877102
_QUERY: Final = b"Q"
_TERMINATE: Final = b"X"
_BOOLEAN_ROWS: Final = frozenset({b"\0\1\0\0\0\1t", b"\0\1\0\0\0\1f"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTarget:
    """Whose session to start, and where."""

    user: str
    database: str
    application_name: str


def log_in(
    target: PostgresTarget, password: bytearray, *, nonce: str, terms: Terms
) -> Generator[Step, bytes, LoggedIn]:
    """Log in and return the session, ready for its first query.

    *password* is overwritten once it is used, or the generator fails or is closed (a generator that
    was never started has not begun to keep that promise). *nonce* is printable ASCII, fresh and
    random. Raises LoginRefusedError, and nothing else whatever the server sends.
    """
    try:
        start_up = _start_up(target)
        certificate = yield from _encrypted(terms)
        yield Send(start_up)
        yield from authenticate(
            target.user.encode(), password, nonce=nonce, terms=terms, certificate=certificate
        )
    finally:
        wipe(password)
    return (yield from _start_session())


def end_session(backend_id: int) -> Generator[Step, bytes, None]:
    """End another session of the same user, from a connection that has just logged in.

    A session that is no more is as good as ended.
    """
    statement = b"SELECT pg_catalog.pg_terminate_backend(%d)\0" % backend_id
    yield Send(frames.pack(_QUERY, statement))
    yield from _read_past_notices(frames.ROW_DESCRIPTION)
    row = yield from _read_past_notices(frames.DATA_ROW)
    yield from _read_past_notices(frames.COMMAND_COMPLETE)
    yield from _read_past_notices(frames.READY_FOR_QUERY)
    if row not in _BOOLEAN_ROWS:
        raise malformed(Stage.END_SESSION)


def cancel(backend_id: int, cancel_key: bytes, *, terms: Terms) -> Generator[Step, bytes, None]:
    """Cancel what another session runs, on a new connection, which the server then closes.

    The key says who asks, so that it goes the same way as a password: in TLS where that is used.
    """
    yield from _encrypted(terms)
    head = struct.pack("!iii", 12 + len(cancel_key), _CANCEL_REQUEST, backend_id)
    yield Send(head + cancel_key)


def terminate() -> bytes:
    """Return the message that ends a session politely."""
    return frames.pack(_TERMINATE)


def _encrypted(terms: Terms) -> Generator[Step, bytes, bytes | None]:
    if terms.starts_tls:
        return (yield from encrypt(is_direct=terms.is_direct))
    if terms.channel_binding == "require":
        raise LoginRefusedError(
            Stage.NEGOTIATE, "This connection requires channel binding, and has no TLS to bind to."
        )
    return None


def _start_up(target: PostgresTarget) -> bytes:
    pairs = {
        "user": target.user,
        "database": target.database,
        "application_name": target.application_name,
        "client_encoding": "UTF8",
    }
    # A NUL would end the value early, and what follows would be read as another parameter.
    if not all(pairs.values()) or any("\0" in value for value in pairs.values()):
        raise LoginRefusedError(Stage.NEGOTIATE, "A start-up value is empty or holds a NUL.")
    text = "".join(f"{name}\0{value}\0" for name, value in pairs.items())
    try:
        body = struct.pack("!i", _PROTOCOL_3_0) + text.encode() + b"\0"
    except UnicodeEncodeError:
        raise LoginRefusedError(Stage.NEGOTIATE, "A start-up value is not Unicode text.") from None
    if len(body) > MAX_START_UP_BYTES:
        raise LoginRefusedError(Stage.NEGOTIATE, "The start-up values are too long.")
    return frames.pack(b"", body)


class _Reports:
    """What a server reports between the login and its first ReadyForQuery."""

    def __init__(self) -> None:
        self._parameters: dict[bytes, bytes] = {}
        self._reported = 0
        self._reported_bytes = 0
        self._notices = 0
        self._backend: tuple[int, bytes] | None = None

    def take(self, kind: bytes, body: bytes) -> None:
        """Keep what one message reports."""
        match kind:
            case frames.PARAMETER_STATUS:
                self._take_parameter(body)
            case frames.BACKEND_KEY_DATA:
                self._take_backend(body)
            case _:
                self._notices += 1
                if self._notices > MAX_NOTICES:
                    raise _broken("The server sends too many notices.")

    def session(self) -> LoggedIn:
        """Return all of it, if it is complete."""
        if self._backend is None:
            raise _broken("The server did not say how to cancel a query.")
        pid, key = self._backend
        session = PostgresSession(parameters=tuple(self._parameters.items()), backend_id=pid)
        return LoggedIn(session=session, cancel_key=key)

    def _take_parameter(self, body: bytes) -> None:
        self._reported += 1
        self._reported_bytes += len(body)
        if self._reported > MAX_PARAMETERS or self._reported_bytes > MAX_PARAMETERS_BYTES:
            raise _broken("The server reports too many parameters.")
        match body.split(b"\0"):
            case [name, value, b""] if name:
                self._parameters[name] = value
            case _:
                raise malformed(Stage.START_SESSION)

    def _take_backend(self, body: bytes) -> None:
        if self._backend is not None or len(body) != 4 + CANCEL_KEY_BYTES:
            raise _broken("The server sent a malformed or second key for cancelling.")
        self._backend = int.from_bytes(body[:4], "big", signed=True), body[4:]


def _start_session() -> Generator[Step, bytes, LoggedIn]:
    expected = (
        frames.PARAMETER_STATUS
        + frames.BACKEND_KEY_DATA
        + frames.NOTICE_RESPONSE
        + frames.READY_FOR_QUERY
    )
    reports = _Reports()
    while True:
        kind, body = yield from frames.read(Stage.START_SESSION, expected)
        if kind == frames.READY_FOR_QUERY:
            if body != b"I":
                raise _broken("The server begins the session inside a transaction.")
            return reports.session()
        reports.take(kind, body)


def _broken(sentence: str) -> LoginRefusedError:
    return LoginRefusedError(Stage.START_SESSION, sentence)


def _read_past_notices(wanted: bytes) -> Generator[Step, bytes, bytes]:
    passed_by = frames.NOTICE_RESPONSE + frames.PARAMETER_STATUS
    for _ in range(MAX_NOTICES):
        kind, body = yield from frames.read(Stage.END_SESSION, wanted + passed_by)
        if kind == wanted:
            return body
    raise LoginRefusedError(Stage.END_SESSION, "The server sends too many notices.")
