"""The keys of a connection that say how it is encrypted, in libpq's words.

Without those of libpq's modes that fall back to no encryption: who stands in for a server chooses
the fall. What contradicts itself is refused, and so is what would have no effect: a file that
names a root certificate is read by people as a file that has it verified.
"""

from functools import partial
from pathlib import Path
from typing import Final

from supervisor.checks import PATH_MAX_CHARACTERS, Check, choice, text
from supervisor.keys import ConfigurationError
from supervisor.named_files import read_certificates_path, read_private_path
from supervisor.strict_json import JsonObject
from wire.lending import Tls
from wire.names import TlsMode

SYSTEM_ROOTS: Final = "system"

_DISABLE: Final = "disable"
_MODES: Final[tuple[TlsMode, ...]] = ("require", "verify-ca", "verify-full")
_FALLS_BACK: Final = ": allow and prefer fall back to no encryption when a server says so"

TLS_CHECKS: Final[dict[str, Check]] = {
    "sslmode": choice(_DISABLE, *_MODES, hints={"allow": _FALLS_BACK, "prefer": _FALLS_BACK}),
    "sslrootcert": text(PATH_MAX_CHARACTERS),
    "sslcert": text(PATH_MAX_CHARACTERS),
    "sslkey": text(PATH_MAX_CHARACTERS),
    "sslnegotiation": choice("postgres", "direct"),
}


def read_tls(
    keys: JsonObject, where: str, *, is_here: bool, is_socket: bool, directory: Path
) -> Tls | None:
    """Return how the connection is encrypted, None for not at all; raise ConfigurationError.

    A server *is_here* that listens on this machine alone, and *is_socket* if on a Unix socket. For
    the former no encryption is the default. Files are relative to *directory*.
    """
    written = keys.get("sslmode", _DISABLE if is_here else "verify-full")
    mode = next((mode for mode in _MODES if mode == written), None)
    if mode is None:
        _refuse_without_tls(keys, where)
        return None
    if is_socket:
        raise ConfigurationError(f'{where} key "sslmode" must be "{_DISABLE}" for a Unix socket')
    _check_roots(keys, where, mode)
    for one, other in (("sslcert", "sslkey"), ("sslkey", "sslcert")):
        if one in keys and other not in keys:
            raise ConfigurationError(f'{where} key "{one}" needs "{other}" beside it')
    is_system = keys.get("sslrootcert") == SYSTEM_ROOTS
    certificates = partial(read_certificates_path, keys, where=where, directory=directory)
    return Tls(
        mode=mode,
        roots=None if is_system else certificates("sslrootcert"),
        certificate=certificates("sslcert"),
        key=read_private_path(keys, "sslkey", where, directory=directory),
        is_direct=keys.get("sslnegotiation") == "direct",
    )


def _refuse_without_tls(keys: JsonObject, where: str) -> None:
    needy = [key for key in ("sslrootcert", "sslcert", "sslkey") if key in keys]
    if keys.get("sslnegotiation") == "direct":
        needy.append("sslnegotiation")
    if keys.get("channel_binding") == "require":
        needy.append("channel_binding")
    if needy:
        why = "" if "sslmode" in keys else ", which is the default for a server on this machine"
        raise ConfigurationError(
            f'{where} key "{needy[0]}" needs TLS, and not "sslmode": "{_DISABLE}"{why}'
        )


def _check_roots(keys: JsonObject, where: str, mode: TlsMode) -> None:
    if mode == "require" and "sslrootcert" in keys:
        raise ConfigurationError(
            f'{where} key "sslrootcert" would have no effect with "sslmode": "require", which '
            'verifies nothing; write "verify-ca", or better "verify-full"'
        )
    if mode == "verify-ca" and keys.get("sslrootcert", SYSTEM_ROOTS) == SYSTEM_ROOTS:
        # libpq refuses it too: whoever owns any name at all has a certificate of such a root.
        raise ConfigurationError(
            f'{where} "sslmode": "verify-ca" needs "sslrootcert", the file of a root of your own: '
            'of the system\'s roots anybody can have a certificate; or write "verify-full"'
        )
