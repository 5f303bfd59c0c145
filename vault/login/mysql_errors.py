"""What MySQL and MariaDB refuse, in our words: of an error packet only its two codes are kept.

The numbers are those of the servers' error references. Where the two servers number one thing
differently, both numbers are here.
"""

import re
from typing import Final

from vault.login.refusals import LoginRefusedError, Stage

ERROR: Final = b"\xff"
NO_SUCH_THREAD: Final = 1094

# The number in two bytes; then, once the server knows what we speak, `#` and a SQLSTATE.
_ERROR_PACKET: Final = re.compile(rb"\xff(..)(?:#([0-9A-Z]{5}))?", re.DOTALL)

_LOCKED: Final = "The account is locked; unlock it (ALTER USER ... ACCOUNT UNLOCK)."
_EXPIRED: Final = "The account's password has expired; give it a new one."
_OLD_FORMAT: Final = (
    "The account's password is stored in the format from before MySQL 4.1; set it again."
)
_NEEDS_TLS: Final = (
    'The server takes this login on an encrypted connection only; set "sslmode" to "verify-full".'
)

_ACCESS_DENIED: Final = 1045
_WRONG_KEY: Final = (
    "The server refused the user name or the password, or could not decrypt it: check both, and "
    'whether the key of "server_public_key" is this server\'s.'
)

_BEFORE_LOGIN: Final = {
    1040: "The server has no room for another connection; raise its max_connections.",
    1053: "The server is shutting down.",
    1129: (
        "The server has blocked this host after too many broken connections; look for their cause "
        "and run FLUSH HOSTS there, or TRUNCATE TABLE performance_schema.host_cache."
    ),
    1130: "The server takes no connections from this host; allow it in the account's host part.",
    1135: "The server cannot start another thread; it is out of memory or at a limit.",
}
"""What a server may say before it knows who comes."""

_SENTENCES: Final = _BEFORE_LOGIN | {
    1044: "The server does not let this user into the database; GRANT it a right there.",
    _ACCESS_DENIED: (
        "The server refused the user name or the password; check both, where the account may come "
        "from, and whether it must come with TLS or a certificate (REQUIRE)."
    ),
    1049: "The server has no such database.",
    1095: "The server does not allow this user to end that session.",
    1203: "This user has as many connections as it may; raise its max_user_connections.",
    1226: "This user has used up one of its limits; raise it (ALTER USER ... WITH ...).",
    1227: "The server does not allow this user to do that.",
    1251: _OLD_FORMAT,
    1275: _OLD_FORMAT,
    1524: "The server has not loaded the plugin that this account logs in by; load it there.",
    1698: (
        "The server does not let this user in by a password; give the account one instead of "
        "unix_socket or auth_socket."
    ),
    1820: _EXPIRED,
    1862: _EXPIRED,
    2061: _NEEDS_TLS,
    3032: "The server is in offline mode.",
    3118: _LOCKED,
    3159: _NEEDS_TLS,
    3955: "The account is locked for some days after too many wrong passwords; unlock it.",
    4150: "The server blocks this user after too many wrong passwords; FLUSH PRIVILEGES there.",
    4151: _LOCKED,
}

OF_THE_CREDENTIAL: Final = frozenset({1045, 1698, 1820, 1862, 3118, 3955, 4150, 4151})
"""What would be said of the next try as well; some of these come with SQLSTATE HY000."""


def number_of(body: bytes) -> int | None:
    """Return the number of an error packet, None for any other packet."""
    found = _ERROR_PACKET.match(body)
    return int.from_bytes(found[1], "little") if found else None


def refusal(stage: Stage, body: bytes, *, uses_server_key: bool = False) -> LoginRefusedError:
    """Return what to raise for an error packet.

    *uses_server_key*: it answers a password that was encrypted to a pinned key.
    """
    found, number = _ERROR_PACKET.match(body), number_of(body)
    sqlstate = found[2].decode() if found and found[2] else None
    otherwise = f"The server refused the {'command' if stage is Stage.END_SESSION else 'login'}."
    sentence = _SENTENCES.get(number or 0, otherwise)
    if uses_server_key and number == _ACCESS_DENIED:
        sentence = _WRONG_KEY
    return LoginRefusedError(stage, sentence, sqlstate, errno=number)


def refusal_before_login(body: bytes) -> LoginRefusedError:
    """Return what to raise for an error packet in the place of a greeting.

    It comes before TLS, so that anybody may have written it, and before we have said who we are: it
    cannot be about our user or password, and must not be counted against them.
    """
    number = number_of(body)
    otherwise = "The server refused the connection before the login."
    sentence = _BEFORE_LOGIN.get(number or 0, otherwise)
    return LoginRefusedError(Stage.NEGOTIATE, sentence, errno=number)
