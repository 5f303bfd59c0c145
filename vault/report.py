"""What `strongroom status` shows of the vault: leases and lent connections, no id in full."""

from typing import Final

import msgspec

from vault.records import Records

_SHOWN_CHARACTERS: Final = 8
_PRINCIPAL_CHARACTERS: Final = 64

SHOWN_MAX: Final = 150
"""Of each kind: the report travels in one packet."""


def report(records: Records, *, now: float) -> bytes:
    """Return the open leases and loans, the newest ones, as MessagePack; times in seconds."""
    leases = [
        {
            "id": lease.connection_id[:_SHOWN_CHARACTERS],
            "connection": lease.pool.connection,
            "principal": lease.pool.principal[:_PRINCIPAL_CHARACTERS],
            "access": lease.pool.access,
            "age_s": round(now - lease.opened_at, 1),
            "idle_s": round(now - lease.used_at, 1),
            "expires_in_s": round(records.leases.expires_at(lease) - now, 1),
        }
        for lease in records.leases.all()[-SHOWN_MAX:]
    ]
    loans = [
        {
            "handle": loan.handle[:_SHOWN_CHARACTERS],
            "executor": loan.executor,
            "connection": loan.pool.connection,
            "principal": loan.pool.principal[:_PRINCIPAL_CHARACTERS],
            "backend_id": loan.backend_id,
        }
        for loan in records.loans.all()[-SHOWN_MAX:]
    ]
    return msgspec.msgpack.encode({"leases": leases, "loans": loans})
