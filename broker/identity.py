"""Who may come in, and as whom: one set of rules, before any of a request's content is read.

Host and Origin are checked so that a web page in a user's browser cannot reach a loopback port
under a name of its own (DNS rebinding; MCP 2026-07-28, transports, security). The token is compared
by its SHA-256 and in constant time.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from wire.names import ANYONE, LOCAL_TOKEN, Principal

_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::", "[::]"})  # noqa: S104 - compared, not bound
_HTTP_PORT: Final = 80
_SCHEME: Final = b"bearer "
_CHALLENGE: Final = (b"www-authenticate", b'Bearer realm="strongroom"')


class Refusal(NamedTuple):
    """Why a request is not let in."""

    status: int
    sentence: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Door:
    """Decides from its headers who makes a request."""

    def __init__(self, *, token_sha256: str | None, listen_hosts: Iterable[str], port: int) -> None:
        hosts = tuple(listen_hosts)
        self._token_digest = bytes.fromhex(token_sha256) if token_sha256 is not None else None
        self._any_host = not _ANY_ADDRESS.isdisjoint(hosts)
        self._hosts = frozenset(_authorities((*hosts, *_LOOPBACK), port))
        self._origins = frozenset(b"http://" + host for host in self._hosts)

    def admit(self, headers: Mapping[bytes, bytes]) -> Principal | Refusal:
        """Return who asks, or why the request is refused."""
        if not self._any_host and headers.get(b"host", b"").lower() not in self._hosts:
            return Refusal(421, "The Host header does not name this server")
        origin = headers.get(b"origin")
        if origin is not None and origin.lower() not in self._origins:
            return Refusal(403, "Requests of web pages from other origins are refused")
        if self._token_digest is None:
            return ANYONE
        return self._check_token(self._token_digest, headers.get(b"authorization", b""))

    def _check_token(self, digest: bytes, authorization: bytes) -> Principal | Refusal:
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            return Refusal(
                401,
                "A bearer token is needed; the token file in the run directory has it",
                (_CHALLENGE,),
            )
        presented = hashlib.sha256(authorization[len(_SCHEME) :].strip()).digest()
        if not hmac.compare_digest(presented, digest):
            wrong = (_CHALLENGE[0], _CHALLENGE[1] + b', error="invalid_token"')
            return Refusal(401, "The bearer token is not the one of this server", (wrong,))
        return LOCAL_TOKEN


def _authorities(hosts: Iterable[str], port: int) -> Iterable[bytes]:
    """Return what a Host header may say."""
    for host in hosts:
        name = f"[{host}]" if ":" in host and not host.startswith("[") else host
        yield f"{name}:{port}".lower().encode()
        if port == _HTTP_PORT:
            yield name.lower().encode()
