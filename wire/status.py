"""What vault and router report for `strongroom status`; no connection id or handle in full.

A report travels in one packet. Whoever makes it leaves out what does not fit; of leases, loans,
pools and usages, of which there may be thousands, it says how many there are in all.
"""

from typing import Final, TypeAlias

from msgspec import Struct

from wire.names import Access
from wire.usage import Usage

SHOWN_CHARACTERS: Final = 8
"""Of a connection id or a handle: enough to tell them apart, too little to use."""


class LeaseRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One lease."""

    id: str
    connection: str
    principal: str
    access: Access
    age_s: float
    idle_s: float
    expires_in_s: float


class LoanRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One connection that is lent."""

    handle: str
    executor: str
    connection: str
    principal: str
    backend_id: int


class PoolRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The connections lent for one principal, connection and access."""

    connection: str
    principal: str
    access: Access
    lent: int


class HealthRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one connection is, as far as logins have told."""

    connection: str
    state: str
    since_s: float | None
    next_try_s: float | None


class LoginCounts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The logins of the moment."""

    running: int
    waiting: int


class VaultReport(
    Struct, frozen=True, kw_only=True, tag="vault_report", forbid_unknown_fields=True
):
    """What the vault knows; of leases the most recently used."""

    leases: tuple[LeaseRow, ...]
    leases_total: int
    loans: tuple[LoanRow, ...]
    loans_total: int
    pools: tuple[PoolRow, ...]
    pools_total: int
    health: tuple[HealthRow, ...]
    logins: LoginCounts


class UsageRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was counted of one lease."""

    id: str
    usage: Usage


class RequestCounts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The requests in flight, each in one place."""

    running: int
    for_slot: int
    for_vault: int
    at_vault: int


class ExecutorRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How busy one executor is."""

    name: str
    running: int
    slots: int


class RouterReport(
    Struct, frozen=True, kw_only=True, tag="router_report", forbid_unknown_fields=True
):
    """What the router knows; of usages those of the most recently used leases."""

    usages: tuple[UsageRow, ...]
    usages_total: int
    requests: RequestCounts
    executors: tuple[ExecutorRow, ...]


Report: TypeAlias = VaultReport | RouterReport
