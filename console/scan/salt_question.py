"""Ask a PostgreSQL server for a salt, over a connection of our own that is then closed.

It goes to the server as a login of that connection does, in TLS where that does; no password goes
there. The server may log that a client left early.
"""

import secrets
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Final, Self

from console.scan.scram_salt import SSL_REQUEST, NoSaltError, Salt, SaltExchange
from wire.lending import Tls

ANSWER_S: Final = 5.0
ALPN: Final = "postgresql"
_PIECE_BYTES: Final = 4096
_WILLING: Final = b"S"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Whose password it is, and where."""

    host: str
    """A name, an address, or the directory of a Unix socket."""
    port: int
    database: str
    user: str
    tls: Tls | None = None


def fetch_salt(login: Login) -> Salt:
    """Return the salt that the server tells; raise NoSaltError with the reason."""
    exchange = SaltExchange(login.user, login.database, nonce=secrets.token_urlsafe(18))
    context = None if login.tls is None else _context(login.tls)
    try:
        with _Link(login, context) as link:
            said = exchange.opening
            while exchange.salt is None:
                # Not after the salt: the server may have left by then.
                link.send(said)
                said = exchange.feed(link.receive(_PIECE_BYTES))
    except TimeoutError:
        raise NoSaltError("the server does not answer") from None
    except ssl.SSLCertVerificationError as error:
        raise NoSaltError(f"the server's certificate: {error.verify_message}") from None
    except ssl.SSLError:
        raise NoSaltError("the server and the scanner do not agree on TLS") from None
    except OSError as error:
        raise NoSaltError(error.strerror or "the server cannot be reached") from None
    return exchange.salt


class _Link:
    """A connection to a login's server, with one deadline for all that is done on it."""

    def __init__(self, login: Login, context: ssl.SSLContext | None) -> None:
        self._give_up_at = time.monotonic() + ANSWER_S
        self._socket = _connected(login)
        try:
            if context is not None:
                self._encrypt(login, context)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._in_time().sendall(data)

    def receive(self, at_most_bytes: int) -> bytes:
        data = self._in_time().recv(at_most_bytes)
        if not data:
            raise NoSaltError("the server closed the connection")
        return data

    def _encrypt(self, login: Login, context: ssl.SSLContext) -> None:
        if login.tls is not None and not login.tls.is_direct:
            self.send(SSL_REQUEST)
            # One byte and no more: what came with it would have come from anybody.
            if self.receive(1) != _WILLING:
                raise NoSaltError("the server does not speak TLS")
        self._socket = context.wrap_socket(self._in_time(), server_hostname=login.host)

    def _in_time(self) -> socket.socket:
        self._socket.settimeout(max(0.001, self._give_up_at - time.monotonic()))
        return self._socket


def _connected(login: Login) -> socket.socket:
    if not login.host.startswith("/"):
        return socket.create_connection((login.host, login.port), ANSWER_S)
    link = socket.socket(socket.AF_UNIX)
    try:
        link.settimeout(ANSWER_S)
        link.connect(f"{login.host}/.s.PGSQL.{login.port}")
    except BaseException:
        link.close()
        raise
    return link


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = tls.mode == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if tls.is_verified else ssl.CERT_NONE
    if tls.is_direct:
        context.set_alpn_protocols([ALPN])
    try:
        if tls.roots is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(tls.roots)
        if tls.certificate is not None:
            # Of a key that is encrypted OpenSSL would ask for the password, on the terminal.
            context.load_cert_chain(tls.certificate, tls.key, password="")
    except OSError:
        reason = "the connection's certificates or its key cannot be loaded"
        raise NoSaltError(reason) from None
    return context
