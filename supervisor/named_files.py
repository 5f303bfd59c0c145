"""The files that a connection's keys name: certificates, and keys, which logins read, never we.

What is wrong with one is told by its key and a reason, not by its path. Certificates are public and
looked at; whether a key is what it should be, the login that reads it says.
"""

import os
import ssl
import stat
from pathlib import Path
from typing import Final

from supervisor.keys import ConfigurationError
from supervisor.strict_json import JsonObject

_OTHERS_OF_USERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_OF_ROOTS: Final = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO
"""What a private key's mode must not have; libpq's rule, which lets a group read what is root's."""


def read_path(keys: JsonObject, key: str, where: str, *, directory: Path) -> str | None:
    """Return the absolute path of the file under *key*, if there is one.

    Raises ConfigurationError where it cannot be read. A symbolic link is not followed for good: who
    renews a certificate by changing a link has the next login read the new one.
    """
    if key not in keys:
        return None
    path = (directory / str(keys[key])).absolute()
    _status(path, key, where)
    return str(path)


def read_certificates_path(
    keys: JsonObject, key: str, where: str, *, directory: Path
) -> str | None:
    """Return what `read_path` does, of a file with certificates."""
    path = read_path(keys, key, where, directory=directory)
    if path is not None and not _has_certificate(path):
        raise ConfigurationError(
            f'{where} key "{key}" must be the path of a PEM file with a certificate in it'
        )
    return path


def read_private_path(keys: JsonObject, key: str, where: str, *, directory: Path) -> str | None:
    """Return what `read_path` does, of a file that nobody else may read."""
    path = read_path(keys, key, where, directory=directory)
    if path is None:
        return None
    found = _status(Path(path), key, where)
    forbidden = _OTHERS_OF_USERS if found.st_uid else _OTHERS_OF_ROOTS
    if found.st_mode & forbidden:
        raise ConfigurationError(
            f'{where} key "{key}" must be the path of a file that nobody else can read: of mode '
            "0600, or 0640 if it belongs to root"
        )
    return path


def _has_certificate(path: str) -> bool:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        found.load_verify_locations(cafile=path)
    except ssl.SSLError:
        return False
    # A list of revoked ones would be taken, too.
    return found.cert_store_stats()["x509"] > 0


def _status(path: Path, key: str, where: str) -> os.stat_result:
    """Return the status of a file that can be read; its content stays where it is."""
    try:
        # Not to wait for a writer, should it be a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _unusable(key, where, error.strerror or "it cannot be opened") from None
    try:
        found = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise _unusable(key, where, "Not a file")
    return found


def _unusable(key: str, where: str, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f'{where} key "{key}" must be the path of a file that can be read: {reason}'
    )
