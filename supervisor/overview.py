"""What `strongroom status` shows, put together from what everybody says; pure.

A part whose process did not answer in time is null, which is not the same as nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from wire.status import LeaseRow, PoolRow, RouterReport, VaultReport
from wire.usage import Usage

Fields: TypeAlias = dict[str, object]

_UNKNOWN: Final[Fields] = {"state": "unknown", "since_s": None, "next_try_s": None}


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """What does not change while the system runs."""

    connections: tuple[Fields, ...]
    limits: Mapping[str, int]
    """By their names in the configuration."""
    place: Fields
    """Where it runs, with what, and which version it is."""


def overview(
    fixed: Fixed,
    processes: Iterable[Fields],
    *,
    vault: VaultReport | None,
    router: RouterReport | None,
) -> Fields:
    """Return the whole report."""
    return {
        "processes": list(processes),
        "connections": [_connection(one, vault) for one in fixed.connections],
        **_vaults_part(fixed, vault, router),
        **_queues(vault, router),
        "limits": dict(fixed.limits),
        **fixed.place,
    }


def _connection(fields: Fields, vault: VaultReport | None) -> Fields:
    if vault is None:
        return {**fields, "health": None}
    for row in vault.health:
        if row.connection == fields["name"]:
            health = msgspec.to_builtins(row)
            return {**fields, "health": {name: health[name] for name in _UNKNOWN}}
    return {**fields, "health": _UNKNOWN}


def _vaults_part(fixed: Fixed, vault: VaultReport | None, router: RouterReport | None) -> Fields:
    if vault is None:
        parts = ("leases", "leases_total", "pools", "pools_total", "loans", "loans_total")
        return dict.fromkeys(parts)
    usages = {} if router is None else {row.id: row.usage for row in router.usages}
    # Where the router named all that it has counted, a lease that it did not name was not used.
    is_whole = router is not None and router.usages_total <= len(router.usages)
    unnamed = Usage() if is_whole else None
    return {
        "leases": [_lease(row, usages.get(row.id, unnamed)) for row in vault.leases],
        "leases_total": vault.leases_total,
        "pools": [_pool(row, fixed.limits) for row in vault.pools],
        "pools_total": vault.pools_total,
        "loans": msgspec.to_builtins(vault.loans),
        "loans_total": vault.loans_total,
    }


def _lease(row: LeaseRow, usage: Usage | None) -> Fields:
    return {
        **msgspec.to_builtins(row),
        "statements": None if usage is None else usage.statements,
        "rows": None if usage is None else usage.rows,
        "bytes": None if usage is None else usage.bytes,
        "errors": None if usage is None else usage.errors,
        "last_fault": usage.last_fault.value if usage and usage.last_fault else None,
        "running": None if usage is None else usage.running,
        "waiting": None if usage is None else usage.waiting,
    }


def _pool(row: PoolRow, limits: Mapping[str, int]) -> Fields:
    return {**msgspec.to_builtins(row), "limit": limits["connectionsPerPrincipal"]}


def _queues(vault: VaultReport | None, router: RouterReport | None) -> Fields:
    return {
        "requests": None if router is None else msgspec.to_builtins(router.requests),
        "executors": None if router is None else msgspec.to_builtins(router.executors),
        "logins": None if vault is None else msgspec.to_builtins(vault.logins),
    }
