"""The plugins by which MySQL and MariaDB log in, and which of them a connection allows; pure."""

from typing import Final

from vault.login import mysql_ed25519 as ed25519
from vault.login import mysql_scrambles as scrambles
from vault.login.refusals import LoginRefusedError, Stage
from wire.names import MysqlAuth

CACHING_SHA2: Final = b"caching_sha2_password"
ED25519: Final = b"client_ed25519"
SHA256: Final = b"sha256_password"
NATIVE: Final = b"mysql_native_password"
OLD_PASSWORD: Final = b"mysql_old_password"

PERMITTED: Final[dict[MysqlAuth, tuple[bytes, ...]]] = {
    "caching_sha2_password": (CACHING_SHA2, ED25519),
    "ed25519": (ED25519,),
    "sha256_password": (CACHING_SHA2, ED25519, SHA256),
    "mysql_native_password": (CACHING_SHA2, ED25519, SHA256, NATIVE),
}
"""What each minimum allows, by the plugins' names on the wire, strongest first."""

PROOFS: Final = {
    CACHING_SHA2: (scrambles.caching_sha2, scrambles.SALT_BYTES),
    ED25519: (ed25519.sign, ed25519.SALT_BYTES),
    NATIVE: (scrambles.native, scrambles.SALT_BYTES),
}
"""What is sent without the password itself, and the salt that it takes."""

_HAVE_A_STRONG_ONE: Final = (
    "Have the account use caching_sha2_password (MySQL) or ed25519 (MariaDB)."
)
_REFUSED: Final = {
    CACHING_SHA2: (
        "The server asks for caching_sha2_password, and this connection allows ed25519 alone; have "
        'the account use ed25519, or say "auth": "caching_sha2_password".'
    ),
    SHA256: (
        "The server asks for sha256_password, which is weaker than this connection allows; have "
        'the account use caching_sha2_password, or accept the weaker one by "auth": '
        '"sha256_password".'
    ),
    NATIVE: (
        "The server asks for mysql_native_password, which is weaker than this connection allows; "
        "have the account use caching_sha2_password (MySQL) or ed25519 (MariaDB), or accept the "
        'weaker one by "auth": "mysql_native_password". MariaDB also asks so for unknown users.'
    ),
    b"mysql_clear_password": (
        f"The server asks for the password itself, by mysql_clear_password. {_HAVE_A_STRONG_ONE}"
    ),
    b"dialog": f"The server asks for the password itself, by dialog. {_HAVE_A_STRONG_ONE}",
    OLD_PASSWORD: (
        f"The server asks for a login from before MySQL 4.1, which is broken. {_HAVE_A_STRONG_ONE}"
    ),
}
_UNKNOWN: Final = f"The server asks for a way to log in that we do not know. {_HAVE_A_STRONG_ONE}"


def refusal_of(plugin: bytes) -> LoginRefusedError:
    """Return what to raise for a plugin that a connection does not allow; it quotes no server."""
    return LoginRefusedError(Stage.NEGOTIATE, _REFUSED.get(plugin, _UNKNOWN))
