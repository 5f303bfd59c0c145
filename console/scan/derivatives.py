"""What is worth as much as a database password: what the logins of each engine make of it; pure.

Not here: what is made anew for each login, and MySQL's stored hash for caching_sha2_password, whose
salt the server tells nobody.
"""

import hashlib
import hmac
import stringprep
import unicodedata
from typing import Final

from nacl.bindings import crypto_scalarmult_ed25519_base

from console.scan.needles import Extra
from console.scan.scram_salt import Salt

_SCALAR_BYTES: Final = 32


def of_postgresql(password: bytes, user: str, salt: Salt | None) -> list[Extra]:
    """Return what MD5 and, with its salt, SCRAM-SHA-256 (RFC 5802, section 3) make of it."""
    stored = hashlib.md5(password + user.encode(), usedforsecurity=False)
    found: list[Extra] = [("MD5", stored.digest())]
    if salt is None:
        return found
    for name, form in _forms(password):
        found += [(f"{key}{name}", content) for key, content in _scram(form, salt)]
    return found


def of_mysql(password: bytes) -> list[Extra]:
    """Return what MySQL's and MariaDB's plugins make of it, none of which takes a salt or a name.

    mysql_native_password logs in by SHA1 and stores SHA1 of that; caching_sha2_password has SHA256
    and SHA256 of that in its cache; MariaDB's ed25519 signs with SHA512 and stores the public key.
    """
    native = hashlib.sha1(password, usedforsecurity=False).digest()
    cached = hashlib.sha256(password).digest()
    expanded = hashlib.sha512(password).digest()
    return [
        ("SHA1", native),
        ("SHA1(SHA1)", hashlib.sha1(native, usedforsecurity=False).digest()),
        ("SHA256", cached),
        ("SHA256(SHA256)", hashlib.sha256(cached).digest()),
        ("SHA512", expanded),
        ("Ed25519", crypto_scalarmult_ed25519_base(expanded[:_SCALAR_BYTES])),
    ]


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
