"""The keys of a connection that say how weak a login may be, and what it is bound to.

`auth` is a minimum: what is stronger is always taken. A minimum that would have the password itself
sent is for connections whose server is verified.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from supervisor.checks import PATH_MAX_CHARACTERS, Check, choice, text
from supervisor.keys import ConfigurationError
from supervisor.named_files import read_path
from supervisor.strict_json import JsonObject
from wire.lending import Tls
from wire.names import Auth, ChannelBinding, MysqlAuth, PostgresAuth

ServerEngine: TypeAlias = Literal["postgresql", "mysql"]

_POSTGRES: Final[tuple[PostgresAuth, ...]] = ("scram-sha-256", "md5", "password")
_MYSQL: Final[tuple[MysqlAuth, ...]] = (
    *("caching_sha2_password", "ed25519"),
    *("sha256_password", "mysql_native_password"),
)
_MINIMA: Final[dict[ServerEngine, tuple[Auth, ...]]] = {"postgresql": _POSTGRES, "mysql": _MYSQL}
"""Of each engine; the first is the default."""

_BINDINGS: Final[tuple[ChannelBinding, ...]] = ("disable", "prefer", "require")
_ONLY_FOR: Final[dict[str, ServerEngine]] = {
    "sslnegotiation": "postgresql",
    "channel_binding": "postgresql",
    "server_public_key": "mysql",
}


def _by_engine(_: object) -> None:
    """Take any value: what it may be is for `read_login_terms`, which knows the engine."""


LOGIN_CHECKS: Final[dict[str, Check]] = {
    "channel_binding": choice(*_BINDINGS),
    "auth": _by_engine,
    "server_public_key": text(PATH_MAX_CHARACTERS),
}


@dataclass(frozen=True, kw_only=True)
class LoginTerms:
    """What a server must do before it gets anything."""

    auth: Auth
    """The weakest login that the server may ask for."""
    channel_binding: ChannelBinding
    server_key: str | None
    """The path of a MySQL server's RSA key."""


def read_login_terms(
    keys: JsonObject, where: str, *, engine: ServerEngine, tls: Tls | None, directory: Path
) -> LoginTerms:
    """Return the terms of a connection that is encrypted by *tls*; raise ConfigurationError."""
    auth = _auth(keys, where, engine)
    _refuse_idle_key(keys, where, auth, tls)
    key = read_path(keys, "server_public_key", where, directory=directory)
    is_verified = tls is not None and tls.is_verified
    if auth == "password" and not is_verified:
        raise _unverified(where, auth, "")
    if auth == "sha256_password" and not is_verified and key is None:
        raise _unverified(
            where, auth, ', or without TLS the server\'s RSA key as "server_public_key"'
        )
    return LoginTerms(auth=auth, channel_binding=_binding(keys, where, auth), server_key=key)


def refuse_foreign(keys: JsonObject, where: str, engine: ServerEngine) -> None:
    """Raise ConfigurationError for a key that is for the servers of another engine."""
    for key, only in _ONLY_FOR.items():
        if key in keys and engine != only:
            raise ConfigurationError(f'{where} key "{key}" is for connections of type "{only}"')


def _auth(keys: JsonObject, where: str, engine: ServerEngine) -> Auth:
    minima = _MINIMA[engine]
    written = keys.get("auth", minima[0])
    found = next((one for one in minima if one == written), None)
    if found is None:
        expected = choice(*minima)(written)
        raise ConfigurationError(
            f'{where} for connections of type "{engine}" key "auth" must be {expected}'
        )
    return found


def _refuse_idle_key(keys: JsonObject, where: str, auth: Auth, tls: Tls | None) -> None:
    """Refuse a pinned key where no password would ever be encrypted for it."""
    if "server_public_key" not in keys:
        return
    no_effect = f'{where} key "server_public_key" would have no effect'
    if tls is not None:
        why = "" if "sslmode" in keys else ", which is the default for a server elsewhere"
        raise ConfigurationError(
            f'{no_effect} with "sslmode": "{tls.mode}"{why}: it is for connections without TLS; '
            "leave it out"
        )
    if auth == "ed25519":
        raise ConfigurationError(
            f'{no_effect} with "auth": "ed25519", which never has the password sent; leave it out'
        )


def _binding(keys: JsonObject, where: str, auth: Auth) -> ChannelBinding:
    written = keys.get("channel_binding", "prefer")
    (found,) = (one for one in _BINDINGS if one == written)
    if found == "require" and auth != _POSTGRES[0]:
        # Only SCRAM binds; with the weaker minimum a reader would take the binding for optional.
        raise ConfigurationError(
            f'{where} "channel_binding": "require" needs "auth": "{_POSTGRES[0]}", the default'
        )
    return found


def _unverified(where: str, auth: Auth, alternative: str) -> ConfigurationError:
    return ConfigurationError(
        f'{where} "auth": "{auth}" has the password itself sent, which needs TLS that verifies '
        f'the server, "sslmode": "verify-full" or "verify-ca"{alternative}'
    )
