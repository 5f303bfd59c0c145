"""Decide what starts when, what lives and dies together, and who must hear of whom.

The order of stopping is none: everybody is told at once, because everybody can lose anybody at any
time.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from wire.control import PeerJoined, PeerLeft, RouterLost, RouterReady, VaultReady
from wire.names import Incarnation, Principal, Role


@dataclass(frozen=True)
class Member:
    """One process that shall run."""

    name: str
    role: Role


EXPOSED: Final[frozenset[Role]] = frozenset({"executor", "file-executor"})
"""Whom a client's statement may end, be it by a bug of an engine's."""

Unit: TypeAlias = tuple[Member, ...]
"""Processes that restart as one."""

Stage: TypeAlias = tuple[Unit, ...]
"""Units that may start at the same time; a stage begins when the one before it is ready."""

VAULT_UNIT: Final[Unit] = (Member("login-server-1", "login-server"), Member("vault-1", "vault"))
ROUTER_UNIT: Final[Unit] = (Member("router-1", "router"),)
DEMO_UNIT: Final[Unit] = (Member("demo-1", "demo"),)


FILE_EXECUTORS_MAX: Final = 2
"""One that dies takes all that it runs with it; a second one takes over what may run again."""


def start_plan(
    *, executors: int, gateways: int, demo: bool, has_files: bool = False
) -> tuple[Stage, ...]:
    """Return what to start, stage by stage; file executors only for SQLite files.

    The credentials are sealed, and every other copy of them is closed, before the first process
    that clients or databases can reach is born.
    """
    first: Stage = (DEMO_UNIT, VAULT_UNIT) if demo else (VAULT_UNIT,)
    file_executors = min(executors, FILE_EXECUTORS_MAX) if has_files else 0
    second: Stage = (
        ROUTER_UNIT,
        *((Member(f"gateway-{n}", "gateway"),) for n in range(1, gateways + 1)),
        *((Member(f"executor-{n}", "executor"),) for n in range(1, executors + 1)),
        *((Member(f"file-executor-{n}", "file-executor"),) for n in range(1, file_executors + 1)),
    )
    return (first, second)


@dataclass(frozen=True)
class Tell:
    """Say this to that process."""

    to: Incarnation
    message: RouterReady | RouterLost | VaultReady | PeerJoined | PeerLeft


@dataclass(frozen=True)
class Join:
    """Make a socket pair, and send each of the two its end with the other's name."""

    one: Incarnation
    other: Incarnation


Command: TypeAlias = Tell | Join

_ROUTER_PEERS: Final[tuple[Role, ...]] = ("vault", "gateway", "executor", "file-executor")


class Roster:
    """Who is alive and who is ready, and what that means to the others."""

    def __init__(self, endpoints: dict[Role, str]) -> None:
        """Begin with nobody; *endpoints* is where a peer of that role finds the router."""
        self._endpoints = endpoints
        self._alive: dict[Incarnation, Role] = {}
        self._keys: dict[Incarnation, bytes] = {}
        self._principals: dict[Incarnation, Principal | None] = {}
        self._sealing_key = b""

    def spawned(
        self, incarnation: Incarnation, role: Role, principal: Principal | None = None
    ) -> list[Command]:
        """Note a new process; vault and login server are joined before either is ready."""
        self._alive[incarnation] = role
        self._principals[incarnation] = principal
        vaults, servers = self._living("vault"), self._living("login-server")
        if role in {"vault", "login-server"} and vaults and servers:
            return [Join(vaults[0], servers[0])]
        return []

    def ready(
        self, incarnation: Incarnation, public_key: bytes, sealing_key: bytes = b""
    ) -> list[Command]:
        """Introduce a process that can take work to those who need it."""
        self._keys[incarnation] = public_key
        role = self._alive[incarnation]
        if role == "vault":
            # Of nobody else: who could name a key to seal to could open what is sealed.
            self._sealing_key = sealing_key
        if role == "router":
            return [self._join_roster(peer, incarnation) for peer in self._prepared(*_ROUTER_PEERS)]
        if role not in _ROUTER_PEERS:
            return []
        joined = [self._join_roster(incarnation, router) for router in self._prepared("router")]
        told = self._tell_sealing_key(incarnation, role)
        return [*joined, *told, *self._lend_between(incarnation, role)]

    def admitted(self, incarnation: Incarnation) -> list[Command]:
        """Send a process to the router that has just learned its key; it may be gone by now."""
        role = self._alive.get(incarnation)
        if role not in _ROUTER_PEERS:
            return []
        return [
            Tell(
                incarnation,
                RouterReady(endpoint=self._endpoints[role], public_key=self._keys[router]),
            )
            for router in self._prepared("router")
        ]

    def gone(self, incarnation: Incarnation) -> list[Command]:
        """Tell those who knew this process that it is no more."""
        role = self._alive.pop(incarnation)
        del self._principals[incarnation]
        if self._keys.pop(incarnation, None) is None:
            return []
        if role == "router":
            return [Tell(peer, RouterLost()) for peer in self._prepared(*_ROUTER_PEERS)]
        if role not in _ROUTER_PEERS:
            return []
        told = self._prepared("router", "vault") if role == "executor" else self._prepared("router")
        return [Tell(one, PeerLeft(role=role, incarnation=incarnation)) for one in told]

    def _join_roster(self, peer: Incarnation, router: Incarnation) -> Command:
        joined = PeerJoined(
            role=self._alive[peer],
            incarnation=peer,
            public_key=self._keys[peer],
            principal=self._principals[peer],
        )
        return Tell(router, joined)

    def _tell_sealing_key(self, incarnation: Incarnation, role: Role) -> list[Command]:
        if not self._sealing_key:
            return []
        told = {"vault": self._prepared("gateway"), "gateway": [incarnation]}.get(role, [])
        return [Tell(one, VaultReady(sealing_key=self._sealing_key)) for one in told]

    def _lend_between(self, incarnation: Incarnation, role: Role) -> list[Command]:
        if role == "vault":
            return [Join(incarnation, executor) for executor in self._prepared("executor")]
        if role == "executor":
            return [Join(vault, incarnation) for vault in self._prepared("vault")]
        return []

    def _living(self, role: Role) -> list[Incarnation]:
        return [one for one, its in self._alive.items() if its == role]

    def _prepared(self, *roles: Role) -> list[Incarnation]:
        return [one for one in self._keys if self._alive[one] in roles]
