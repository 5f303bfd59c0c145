"""What the router asks for its clients: leases, grants, their end, the list of connections.

Each request has one answer, put off until what it tells is saved.
"""

import secrets
import time
from collections.abc import Callable
from typing import Final

from vault import grants
from vault.errands import Errands
from vault.leases import Lease, LeaseLimitError
from vault.recall import Recall
from vault.records import Records
from vault.seal import Keys
from vault.settings import NamedConnection, VaultSettings
from wire.faults import Fault, FaultCode
from wire.lending import LoginFailed, LoginOutcome
from wire.logs import Log
from wire.messages import (
    EndLease,
    FromVault,
    Granted,
    LeaseEnded,
    ListNamed,
    MintGrants,
    OpenLease,
    Refused,
    Settled,
    ToVault,
    Used,
)
from wire.names import ConnectionId, Incarnation, PoolKey, RunId
from wire.results import success

CONNECTION_ID_BYTES: Final = 32


_STAGE_FAULTS: Final = {
    "connect": FaultCode.DATABASE_UNREACHABLE,
    "paused": FaultCode.LOGIN_PAUSED,
}
"""What a client may know of a login that failed; the log has the rest."""


class Requests:
    """Answers the router."""

    def __init__(
        self,
        records: Records,
        keys: Keys,
        errands: Errands,
        recall: Recall,
        *,
        settings: VaultSettings,
        executors: Callable[[], list[Incarnation]],
        answer: Callable[[FromVault, bytes], None],
        log: Log,
    ) -> None:
        self._records = records
        self._keys = keys
        self._errands = errands
        self._recall = recall
        self._settings = settings
        self._executors = executors
        self._answer = answer
        self._log = log

    def handle(self, message: ToVault) -> None:
        """Do what the router asks."""
        match message:
            case OpenLease():
                self._open(message)
            case MintGrants():
                self._mint(message)
            case EndLease():
                self._end(message)
            case ListNamed(run_id=run_id):
                self._say(Settled(run_id=run_id), success({"connections": self._listed()}))
            case Used(connection_ids=connection_ids):
                self._records.leases.use(connection_ids, now=time.monotonic())
                self._records.changed()

    def expire(self) -> None:
        """End the leases whose time has come."""
        for lease in self._records.leases.expire(now=time.monotonic()):
            self._log.info("lease_expired", connection=lease.pool.connection)
            self._over(lease, _nobody_waits)

    def _open(self, message: OpenLease) -> None:
        connection = self._settings.connections.get(message.name)
        if connection is None:
            self._refuse(message.run_id, Fault(code=FaultCode.UNKNOWN_CONNECTION_NAME))
            return
        refusal = self._refusal(message, connection)
        if refusal is not None:
            self._refuse(message.run_id, refusal)
            return

        def heard(outcome: LoginOutcome) -> None:
            self._tried(message, connection, outcome)

        self._errands.try_login(connection, message.deadline_ms, heard)

    def _refusal(self, message: OpenLease, connection: NamedConnection) -> Fault | None:
        if connection.engine != "postgresql":
            return Fault(
                code=FaultCode.NOT_AVAILABLE,
                message="Connections of this type are not available yet",
                hint="PostgreSQL connections are.",
            )
        if connection.variable not in self._records.credentials:
            return Fault(
                code=FaultCode.NOT_AVAILABLE,
                message="The credentials of this connection are missing",
                hint="Ask the operator to look into the log.",
            )
        if not self._errands.may_try(connection):
            return Fault(code=FaultCode.LOGIN_PAUSED)
        try:
            self._records.leases.require_room(message.principal)
        except LeaseLimitError:
            return Fault(code=FaultCode.LEASE_LIMIT)
        return None

    def _tried(
        self, message: OpenLease, connection: NamedConnection, outcome: LoginOutcome
    ) -> None:
        if isinstance(outcome, LoginFailed):
            code = _STAGE_FAULTS.get(outcome.stage, FaultCode.LOGIN_FAILED)
            self._refuse(message.run_id, Fault(code=code))
            return
        pool = PoolKey(message.principal, message.name, connection.access)
        self._recall.after(pool, lambda: self._opened(message, connection, pool))

    def _opened(self, message: OpenLease, connection: NamedConnection, pool: PoolKey) -> None:
        connection_id = ConnectionId(secrets.token_urlsafe(CONNECTION_ID_BYTES))
        try:
            lease = self._records.leases.open(connection_id, pool, now=time.monotonic())
        except LeaseLimitError:
            # Others of the same principal were opened while this one logged in.
            self._refuse(message.run_id, Fault(code=FaultCode.LEASE_LIMIT))
            return
        self._records.changed()
        self._log.info("lease_opened", connection=message.name, principal=message.principal)
        self._say(
            self._granted(message.run_id, lease, message.executors, opened=True),
            success(
                {
                    "connection_id": connection_id,
                    "connection_name": message.name,
                    "type": connection.engine,
                    "database": connection.database,
                    "host": connection.host,
                    "access": connection.access,
                }
            ),
        )

    def _mint(self, message: MintGrants) -> None:
        lease = self._records.leases.find(
            message.connection_id, message.principal, now=time.monotonic()
        )
        if lease is None:
            self._refuse(message.run_id, Fault(code=FaultCode.INVALID_CONNECTION))
            return
        self._say(self._granted(message.run_id, lease, message.executors))

    def _granted(
        self,
        run_id: RunId,
        lease: Lease,
        executors: tuple[Incarnation, ...],
        *,
        opened: bool = False,
    ) -> Granted:
        expires_at = time.monotonic() + grants.GRANT_S
        return Granted(
            run_id=run_id,
            connection_id=lease.connection_id,
            pool=lease.pool,
            grants={
                executor: grants.mint(
                    grants.Claims(lease.connection_id, lease.pool, executor, expires_at),
                    mac=self._keys.mac,
                )
                for executor in executors
            },
            expires_in_ms=int(grants.GRANT_S * 1000),
            statement_ms=self._settings.statement_ms,
            opened=opened,
        )

    def _end(self, message: EndLease) -> None:
        lease = self._records.leases.end(message.connection_id, message.principal)
        if lease is None:
            self._refuse(message.run_id, Fault(code=FaultCode.INVALID_CONNECTION))
            return
        self._log.info("lease_ended", connection=lease.pool.connection)
        self._over(lease, lambda: self._say(Settled(run_id=message.run_id), success({})))

    def _over(self, lease: Lease, when_done: Callable[[], None]) -> None:
        self._records.changed()
        self._say(LeaseEnded(connection_id=lease.connection_id))
        if self._records.leases.has(lease.pool):
            when_done()
            return
        self._recall.begin(lease.pool, self._executors(), when_done)

    def _listed(self) -> list[dict[str, object]]:
        return [
            {
                "connection_name": name,
                "type": connection.engine,
                "host": connection.host,
                "database": connection.database,
                "access": connection.access,
            }
            for name, connection in self._settings.connections.items()
        ]

    def _refuse(self, run_id: RunId, fault: Fault) -> None:
        self._say(Refused(run_id=run_id, fault=fault))

    def _say(self, message: FromVault, payload: bytes = b"") -> None:
        self._records.afterwards(lambda: self._answer(message, payload))


def _nobody_waits() -> None:
    """Follow the end of a lease that ended by itself."""
