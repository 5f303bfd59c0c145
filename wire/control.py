"""What the supervisor and its children say on a child's inherited control socket.

One packet (SOCK_SEQPACKET) of MessagePack each, with the descriptors that the docstring names. The
socket is descriptor 3 of every child; when it reads as closed, the supervisor is gone and the
child ends.
"""

from typing import Final, TypeAlias

from msgspec import Raw, Struct

from wire.names import Incarnation, Principal, Role
from wire.status import Report

CONTROL_FD: Final = 3
"""Where every child finds its control socket."""


class Configure(Struct, frozen=True, kw_only=True, tag="configure", forbid_unknown_fields=True):
    """Supervisor to any child, first: who it is and its settings, a struct of its package.

    Descriptors by role. Router: its key memory. Gateway: the listening port, or a client's two
    standard streams. Vault: key page, state, and the credentials that came from the environment,
    if any. Login server: the death pipe.
    """

    incarnation: Incarnation
    settings: Raw


class RouterReady(
    Struct, frozen=True, kw_only=True, tag="router_ready", forbid_unknown_fields=True
):
    """Supervisor to gateway, executor, vault: connect there, and say Hello."""

    endpoint: str
    public_key: bytes


class RouterLost(Struct, frozen=True, kw_only=True, tag="router_lost", forbid_unknown_fields=True):
    """Supervisor to gateway, executor, vault: that router is gone, with all that was in flight."""


class VaultReady(Struct, frozen=True, kw_only=True, tag="vault_ready", forbid_unknown_fields=True):
    """Supervisor to gateway: what is for the vault alone is sealed to this key.

    It comes this way and not by the router, which could name a key of its own.
    """

    sealing_key: bytes


class PeerJoined(Struct, frozen=True, kw_only=True, tag="peer_joined", forbid_unknown_fields=True):
    """Supervisor to router: this key may connect, in this role and under this identity only."""

    role: Role
    incarnation: Incarnation
    public_key: bytes
    principal: Principal | None = None
    """Whom a gateway may speak for: one principal, and without a name nobody."""


class PeerLeft(Struct, frozen=True, kw_only=True, tag="peer_left", forbid_unknown_fields=True):
    """Supervisor to router, and to the vault for executors: this process is gone."""

    role: Role
    incarnation: Incarnation


class Pair(Struct, frozen=True, kw_only=True, tag="pair", forbid_unknown_fields=True):
    """Supervisor to vault, executor, login server, with one descriptor: a socket to that peer."""

    role: Role
    incarnation: Incarnation


class TellStatus(Struct, frozen=True, kw_only=True, tag="tell_status", forbid_unknown_fields=True):
    """Supervisor to vault and router: report what `strongroom status` shows of yours."""

    ask: int


class Ask(Struct, frozen=True, kw_only=True, tag="ask", forbid_unknown_fields=True):
    """Supervisor to any child that can take work: say that you are alive."""

    number: int


class Finish(Struct, frozen=True, kw_only=True, tag="finish", forbid_unknown_fields=True):
    """Supervisor to any child: end now, in good order."""


ToChild: TypeAlias = (
    Configure
    | RouterReady
    | RouterLost
    | VaultReady
    | PeerJoined
    | PeerLeft
    | Pair
    | TellStatus
    | Ask
    | Finish
)
"""All that a child may hear."""


class Ready(Struct, frozen=True, kw_only=True, tag="ready", forbid_unknown_fields=True):
    """Any child: it can take work. `public_key` is its CURVE key (Z85), empty where it has none."""

    public_key: bytes = b""
    sealing_key: bytes = b""
    """The vault's public key for HPKE; nobody else has one."""


class Sealed(Struct, frozen=True, kw_only=True, tag="sealed", forbid_unknown_fields=True):
    """Vault, before its first Ready: the credentials are sealed and their memory overwritten."""

    missing: tuple[str, ...] = ()
    """Environment variables that the configuration names and that did not come."""
    malformed: tuple[str, ...] = ()
    """Environment variables that are not `username:password`."""


class Status(Struct, frozen=True, kw_only=True, tag="status", forbid_unknown_fields=True):
    """Vault and router: the answer to TellStatus, each with the report of its own."""

    ask: int
    report: Report


class Alive(Struct, frozen=True, kw_only=True, tag="alive", forbid_unknown_fields=True):
    """Any child: the answer to Ask, by its number, from the loop that does the work."""

    number: int


class Admitted(Struct, frozen=True, kw_only=True, tag="admitted", forbid_unknown_fields=True):
    """Router, to each PeerJoined: from now on that key is let in.

    A peer that knocked before would be turned away for good: ZeroMQ does not try again.
    """

    incarnation: Incarnation


class EndPeer(Struct, frozen=True, kw_only=True, tag="end_peer", forbid_unknown_fields=True):
    """Vault or router: this process does not do what it must; end it, another follows.

    The vault may say so of an executor, the router of an executor or the vault.
    """

    incarnation: Incarnation


FromChild: TypeAlias = Ready | Sealed | Status | Alive | Admitted | EndPeer
"""All that a child may say to the supervisor."""
