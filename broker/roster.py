"""Who may connect to the router: a key, in one role, under one identity.

The ZAP thread asks whether a key is on the roster of its socket's role; the loop asks, at an
identity's first message, whether that identity is this key's. Identities are chosen by the peer,
so neither alone would do.
"""

from typing import Literal, Protocol, TypeAlias

from zmq.auth.thread import ThreadAuthenticator

from wire.messages import Cancel, FromGateway, Hello
from wire.names import Incarnation, Principal, Role
from wire.sockets import Context

PeerRole: TypeAlias = Literal["gateway", "executor", "file-executor", "vault"]


class Roster:
    """The keys of one role's living processes."""

    def __init__(self) -> None:
        self._keys: dict[bytes, Incarnation] = {}
        self._principals: dict[Incarnation, Principal] = {}

    def callback(self, domain: str, key: bytes) -> bool:
        """Say whether *key* (Z85) may connect; the name is the one pyzmq calls."""
        del domain
        return key in self._keys

    def join(
        self, incarnation: Incarnation, key: bytes, principal: Principal | None = None
    ) -> None:
        """Let a process in, to speak for *principal* if it is a gateway."""
        self._keys[key] = incarnation
        if principal is not None:
            self._principals[incarnation] = principal

    def leave(self, incarnation: Incarnation) -> None:
        """Let a process in no more."""
        self._keys = {key: name for key, name in self._keys.items() if name != incarnation}
        self._principals.pop(incarnation, None)

    def knows(self, incarnation: Incarnation) -> bool:
        """Say whether that process is in."""
        return incarnation in self._keys.values()

    def name_of(self, key: str) -> Incarnation | None:
        """Return who has *key* (Z85), None if nobody that lives."""
        return self._keys.get(key.encode())

    def holds(self, identity: bytes, key: str) -> bool:
        """Say whether the peer with *key* is the one called *identity*."""
        name = self.name_of(key)
        return name is not None and name.encode() == identity

    def may_say(self, incarnation: Incarnation, message: FromGateway) -> bool:
        """Say whether this gateway may say *message*: it asks as its own principal only."""
        match message:
            case Hello() | Cancel():
                return True
            case _:
                return self._principals.get(incarnation) == message.principal


class _Provider(Protocol):
    def callback(self, domain: str, key: bytes) -> bool: ...


def start_authenticator(context: Context, rosters: dict[PeerRole, Roster]) -> ThreadAuthenticator:
    """Answer ZAP (RFC 27) for each role's domain from its roster."""
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    for role, roster in rosters.items():
        provider: _Provider = roster
        authenticator.configure_curve_callback(domain=role, credentials_provider=provider)
    return authenticator


def peer_role(role: Role) -> PeerRole | None:
    """Return *role* if its processes connect to the router."""
    match role:
        case "gateway" | "executor" | "file-executor" | "vault":
            return role
        case _:
            return None
