"""What the vault knows and must not forget, saved before anything is said that depends on it.

Changes are made in memory and noted with `changed`; whatever tells others of them is put off with
`afterwards` until the next `flush`, which saves once for all of them.
"""

from collections import deque
from collections.abc import Callable

from vault.leases import Leases, Limits
from vault.loans import Caps, Loans
from vault.settings import NamedConnection, VaultSettings
from vault.state import Credential, Slots, State
from wire.names import ConnectionName


class Records:
    """Credentials, leases and loans, and the sealed state they are saved in."""

    def __init__(self, slots: Slots, settings: VaultSettings) -> None:
        state = slots.load() or State()
        limits = Limits(
            per_principal=settings.leases_per_principal,
            idle_s=settings.lease_idle_ms / 1000,
            absolute_s=settings.lease_ms / 1000,
        )
        caps = Caps(settings.connections_per_database, settings.connections_per_principal)
        self.credentials: dict[str, Credential] = dict(state.credentials)
        self.connections = {**settings.connections, **state.brought}
        """Those of the operator, and those that clients brought."""
        self.leases = Leases(limits, state.leases)
        self.loans = Loans(caps, state.loans)
        self._slots = slots
        self._is_changed = False
        self._afterwards: deque[Callable[[], None]] = deque()

    def brought(self) -> dict[ConnectionName, NamedConnection]:
        """Return the connections that clients brought."""
        return {name: one for name, one in self.connections.items() if one.is_brought}

    def changed(self) -> None:
        """Note that the state differs from what is saved."""
        self._is_changed = True

    def afterwards(self, action: Callable[[], None]) -> None:
        """Put *action* off until all changes so far are saved."""
        self._afterwards.append(action)

    def flush(self) -> None:
        """Save what changed, then do what waited for it."""
        while self._is_changed or self._afterwards:
            if self._is_changed:
                self._is_changed = False
                self._slots.save(self._state())
            for _ in range(len(self._afterwards)):
                self._afterwards.popleft()()

    def _state(self) -> State:
        return State(
            credentials=self.credentials,
            brought=self.brought(),
            leases=self.leases.all(),
            loans=self.loans.all(),
        )
