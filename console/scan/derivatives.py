"""What is worth as much as a database password: what SCRAM and MD5 logins make of it.

The keys of SCRAM-SHA-256 need the role's salt, for which the server is asked, over a connection of
our own that is then closed; no password goes there. The server may log that a client left early.
"""

import hashlib
import hmac
import secrets
import socket
import stringprep
import time
import unicodedata
from dataclasses import dataclass
from typing import Final

from console.scan.needles import Extra
from console.scan.scram_salt import NoSaltError, Salt, SaltExchange

ANSWER_S: Final = 5.0
_PIECE_BYTES: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Whose password it is, and where."""

    host: str
    port: int
    database: str
    user: str


def fetch_salt(login: Login) -> Salt:
    """Return the salt that the server tells; raise NoSaltError with the reason."""
    exchange = SaltExchange(login.user, login.database, nonce=secrets.token_urlsafe(18))
    give_up_at = time.monotonic() + ANSWER_S
    try:
        with socket.create_connection((login.host, login.port), ANSWER_S) as link:
            link.sendall(exchange.opening)
            while exchange.salt is None:
                link.settimeout(max(0.001, give_up_at - time.monotonic()))
                data = link.recv(_PIECE_BYTES)
                if not data:
                    raise NoSaltError("the server closed the connection")
                link.sendall(exchange.feed(data))
    except TimeoutError:
        raise NoSaltError("the server does not answer") from None
    except OSError as error:
        raise NoSaltError(error.strerror or "the server cannot be reached") from None
    return exchange.salt


def derived(password: bytes, user: str, salt: Salt | None) -> list[Extra]:
    """Return what logins make of *password* (RFC 5802, section 3), each under its name."""
    stored = hashlib.md5(password + user.encode(), usedforsecurity=False)
    found: list[Extra] = [("MD5", stored.digest())]
    if salt is None:
        return found
    for name, form in _forms(password):
        found += [(f"{key}{name}", content) for key, content in _scram(form, salt)]
    return found


def _scram(password: bytes, salt: Salt) -> list[Extra]:
    salted = hashlib.pbkdf2_hmac("sha256", password, salt.content, salt.iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return [
        ("SaltedPassword", salted),
        ("ClientKey", client_key),
        ("StoredKey", hashlib.sha256(client_key).digest()),
        ("ServerKey", hmac.digest(salted, b"Server Key", "sha256")),
    ]


def _forms(password: bytes) -> list[tuple[str, bytes]]:
    """Return the password as it is and, if that differs, as SASLprep (RFC 4013) makes it.

    Which one a login takes depends on what SASLprep prohibits; looking for both needs no tables.
    """
    try:
        text = password.decode()
    except UnicodeDecodeError:
        return [("", password)]
    spaced = (" " if stringprep.in_table_c12(letter) else letter for letter in text)
    kept = "".join(letter for letter in spaced if not stringprep.in_table_b1(letter))
    prepared = unicodedata.normalize("NFKC", kept).encode()
    return [("", password)] + ([(" (SASLprep)", prepared)] if prepared != password else [])
