"""What `strongroom status` shows of the vault: leases and lent connections, no id in full."""

from typing import Final

import msgspec

from vault.records import Records

_SHOWN_CHARACTERS: Final = 8


def report(records: Records, *, now: float) -> bytes:
    """Return the JSON of the open leases and loans; ages and what is left in seconds."""
    leases = [
        {
            "id": lease.connection_id[:_SHOWN_CHARACTERS],
            "connection": lease.pool.connection,
            "principal": lease.pool.principal,
            "access": lease.pool.access,
            "age_s": round(now - lease.opened_at, 1),
            "idle_s": round(now - lease.used_at, 1),
            "expires_in_s": round(records.leases.expires_at(lease) - now, 1),
        }
        for lease in records.leases.all()
    ]
    loans = [
        {
            "handle": loan.handle[:_SHOWN_CHARACTERS],
            "executor": loan.executor,
            "connection": loan.pool.connection,
            "principal": loan.pool.principal,
            "backend_id": loan.backend_id,
        }
        for loan in records.loans.all()
    ]
    return msgspec.msgpack.encode({"leases": leases, "loans": loans})
