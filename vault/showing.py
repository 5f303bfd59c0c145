"""What clients are told of connections: which there are, and how one of their leases is.

A lease's usage is the router's word, passed on. To show a lease is no use of it.
"""

from typing import Final, TypeAlias

from vault.errands import Errands
from vault.leases import Lease
from vault.records import Records
from vault.settings import FileConnection, NamedConnection, VaultSettings
from wire.names import DYNAMIC, ConnectionName
from wire.usage import Usage

Fields: TypeAlias = dict[str, object]
Connection: TypeAlias = NamedConnection | FileConnection

_DECIMALS: Final = 1


class Showing:
    """Tells of connections what their users may know."""

    def __init__(self, records: Records, errands: Errands, settings: VaultSettings) -> None:
        self._records = records
        self._errands = errands
        self._settings = settings

    def listed(self) -> list[Fields]:
        """Return the connections that the configuration names."""
        named: dict[ConnectionName, Connection] = {
            **self._settings.connections,
            **self._settings.files,
        }
        return [{"connection_name": name, **one.described()} for name, one in named.items()]

    def status(self, lease: Lease, usage: Usage, *, now: float) -> Fields | None:
        """Return how *lease* and its connection are; None where that is gone."""
        name = lease.pool.connection
        connection = self._records.connections.get(name) or self._settings.files.get(name)
        if connection is None:
            return None
        leases = self._records.leases
        return {
            "connection_id": lease.connection_id,
            **({} if name.startswith(DYNAMIC) else {"connection_name": name}),
            **connection.described(),
            "health": self._health(connection),
            "usage": _used(usage),
            **self._pool(lease, connection),
            "expiry": {
                "idle_in_s": _left(leases.idle_until(lease), now),
                "absolute_in_s": _left(leases.open_until(lease), now),
            },
            "opened_s": round(now - lease.opened_at, _DECIMALS),
        }

    def _health(self, connection: Connection) -> Fields:
        """Return how the connection is, as far as logins have told; nobody logs in to a file."""
        if isinstance(connection, FileConnection):
            return {"state": "unknown"}
        health = self._errands.health(connection)
        spans = {"since_s": health.since_s, "next_try_s": health.next_try_s}
        return {"state": health.state, **_known(spans)}

    def _pool(self, lease: Lease, connection: Connection) -> Fields:
        if isinstance(connection, FileConnection):
            # A file executor opens files by itself, and the vault lends nothing.
            return {}
        lent = sum(loan.pool == lease.pool for loan in self._records.loans.all())
        return {"pool": {"open": lent, "limit": self._settings.connections_per_principal}}


def _used(usage: Usage) -> Fields:
    last = {} if usage.last_fault is None else {"last_fault": usage.last_fault.value}
    return {
        "since_s": round(usage.since_s, _DECIMALS),
        "statements": usage.statements,
        "rows": usage.rows,
        "bytes": usage.bytes,
        "errors": usage.errors,
        **last,
        **_known({"last_used_s": usage.last_used_s}),
        "running": usage.running,
        "waiting": usage.waiting,
    }


def _known(spans: dict[str, float | None]) -> Fields:
    return {name: round(one, _DECIMALS) for name, one in spans.items() if one is not None}


def _left(until: float, now: float) -> float:
    return round(max(0.0, until - now), _DECIMALS)
