"""What `strongroom status` shows of the vault: leases, lent connections, health, logins.

The most recently used leases and the newest loans, as many as the one packet holds in which the
report travels.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from vault.errands import Errands
from vault.health import Health
from vault.leases import Lease, Leases
from vault.loans import Loan
from vault.logins import LoginDesk
from vault.records import Records
from vault.settings import NamedConnection
from wire.names import ConnectionName, PoolKey
from wire.status import (
    SHOWN_CHARACTERS,
    HealthRow,
    LeaseRow,
    LoanRow,
    LoginCounts,
    PoolRow,
    VaultReport,
)

SHOWN_MAX: Final = 150
"""Of each kind."""

_KIND_MAX_BYTES: Final = 28 << 10
"""Of each of the four kinds, so that all of them fit a packet of 128 KiB."""

_NAME_CHARACTERS: Final = 64
_DECIMALS: Final = 1

Row = TypeVar("Row", bound=Struct)


class Reporter:
    """Reports as often as it is asked."""

    def __init__(
        self,
        records: Records,
        errands: Errands,
        desk: LoginDesk,
        connections: Mapping[ConnectionName, NamedConnection],
    ) -> None:
        self._records = records
        self._errands = errands
        self._desk = desk
        self._connections = connections

    def report(self) -> VaultReport:
        """Return the report of this moment."""
        health = {name: self._errands.health(one) for name, one in self._connections.items()}
        return report(self._records, health, self._desk.counts(), now=time.monotonic())


def report(
    records: Records,
    health: Mapping[ConnectionName, Health],
    logins: LoginCounts,
    *,
    now: float,
) -> VaultReport:
    """Return the report; times in seconds."""
    leases, loans = records.leases.all(), records.loans.all()
    pools = Counter(loan.pool for loan in loans)
    by_use = sorted(leases, key=lambda lease: lease.used_at, reverse=True)
    return VaultReport(
        leases=_fitting(_lease_row(lease, records.leases, now) for lease in by_use),
        leases_total=len(leases),
        loans=_fitting(map(_loan_row, reversed(loans))),
        loans_total=len(loans),
        pools=_fitting(_pool_row(pool, lent) for pool, lent in pools.most_common()),
        pools_total=len(pools),
        health=_fitting(_health_rows(health)),
        logins=logins,
    )


def _fitting(rows: Iterable[Row]) -> tuple[Row, ...]:
    kept: list[Row] = []
    left_bytes = _KIND_MAX_BYTES
    for row in rows:
        left_bytes -= len(msgspec.msgpack.encode(row))
        if left_bytes < 0 or len(kept) == SHOWN_MAX:
            break
        kept.append(row)
    return tuple(kept)


def _lease_row(lease: Lease, leases: Leases, now: float) -> LeaseRow:
    return LeaseRow(
        id=lease.connection_id[:SHOWN_CHARACTERS],
        connection=lease.pool.connection,
        principal=lease.pool.principal[:_NAME_CHARACTERS],
        access=lease.pool.access,
        age_s=round(now - lease.opened_at, _DECIMALS),
        idle_s=round(now - lease.used_at, _DECIMALS),
        expires_in_s=round(leases.expires_at(lease) - now, _DECIMALS),
    )


def _loan_row(loan: Loan) -> LoanRow:
    return LoanRow(
        handle=loan.handle[:SHOWN_CHARACTERS],
        executor=loan.executor,
        connection=loan.pool.connection,
        principal=loan.pool.principal[:_NAME_CHARACTERS],
        backend_id=loan.backend_id,
    )


def _pool_row(pool: PoolKey, lent: int) -> PoolRow:
    return PoolRow(
        connection=pool.connection,
        principal=pool.principal[:_NAME_CHARACTERS],
        access=pool.access,
        lent=lent,
    )


def _health_rows(health: Mapping[ConnectionName, Health]) -> Iterable[HealthRow]:
    """Yield what is known, trouble first: a connection that is not there is unknown."""
    known = [(name, its) for name, its in health.items() if its.state != "unknown"]
    for name, its in sorted(known, key=lambda one: one[1].state == "healthy"):
        yield HealthRow(
            connection=name,
            state=its.state,
            since_s=_rounded(its.since_s),
            next_try_s=_rounded(its.next_try_s),
        )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, _DECIMALS)
