"""What the router asks for its clients: leases, grants, their end, the list of connections.

Each request has one answer, put off until what it tells is saved.
"""

import secrets
import time
from collections.abc import Callable
from typing import Final

from vault import grants
from vault.dynamic import Dynamics
from vault.errands import Errands
from vault.leases import Lease, LeaseLimitError
from vault.recall import Recall
from vault.records import Records
from vault.seal import Keys
from vault.settings import FileConnection, NamedConnection, VaultSettings
from vault.showing import Showing
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
    OpenDynamic,
    OpenLease,
    Refused,
    Settled,
    TellLease,
    ToVault,
    Used,
)
from wire.names import ConnectionId, ConnectionName, Engine, Incarnation, PoolKey, RunId
from wire.results import success

CONNECTION_ID_BYTES: Final = 32

_STAGE_FAULTS: Final = {
    "connect": FaultCode.DATABASE_UNREACHABLE,
    "unreachable": FaultCode.DATABASE_UNREACHABLE,
    "paused": FaultCode.LOGIN_PAUSED,
    "target": FaultCode.TARGET_REFUSED,
}
"""What a client may know of a login that failed; the log has the rest."""

_BROUGHT_HINTS: Final = {
    FaultCode.LOGIN_FAILED: (
        "Check host, port, database, username and password. A server on another machine needs a "
        "certificate for that host that the operator's system trusts."
    ),
    FaultCode.LOGIN_PAUSED: "Check username and password, and try again in some minutes.",
}
"""What to do about it where the client itself knows what it tried."""


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
        self._showing = Showing(records, errands, settings)
        self._dynamics = Dynamics(
            records,
            keys,
            errands,
            settings=settings.dynamic,
            refuse=self._refuse,
            failed=self._login_failed,
            opened=self._opened_dynamic,
            log=log,
        )

    def handle(self, message: ToVault) -> None:
        """Do what the router asks."""
        match message:
            case OpenLease():
                self._open(message)
            case OpenDynamic():
                self._dynamics.open(message)
            case MintGrants():
                self._mint(message)
            case EndLease():
                self._end(message)
            case ListNamed(run_id=run_id):
                self._say(Settled(run_id=run_id), success({"connections": self._showing.listed()}))
            case TellLease():
                self._tell(message)
            case Used(connection_ids=connection_ids):
                self._records.leases.use(connection_ids, now=time.monotonic())
                self._records.changed()

    def expire(self) -> None:
        """End the leases whose time has come."""
        for lease in self._records.leases.expire(now=time.monotonic()):
            self._log.info("lease_expired", connection=lease.pool.connection)
            self._over(lease, _nobody_waits)
        self._dynamics.sweep()

    def _open(self, message: OpenLease) -> None:
        file = self._settings.files.get(message.name)
        if file is not None:
            # Whether it opens, only a file executor can say: the router asks one before it answers.
            pool = PoolKey(message.principal, message.name, file.access)
            self._opened(message, file, pool)
            return
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
        if connection.variable not in self._records.credentials:
            return Fault(
                code=FaultCode.NOT_AVAILABLE,
                message="The credentials of this connection are missing",
            )
        if (refusal := self._errands.refusal(connection)) is not None:
            return refusal
        try:
            self._records.leases.require_room(message.principal)
        except LeaseLimitError as error:
            return error.fault
        return None

    def _tried(
        self, message: OpenLease, connection: NamedConnection, outcome: LoginOutcome
    ) -> None:
        if isinstance(outcome, LoginFailed):
            self._login_failed(message.run_id, outcome, connection)
            return
        pool = PoolKey(message.principal, message.name, connection.access)
        self._recall.after(pool, lambda: self._opened(message, connection, pool))

    def _login_failed(
        self, run_id: RunId, failed: LoginFailed, connection: NamedConnection
    ) -> None:
        code = _STAGE_FAULTS.get(failed.stage, FaultCode.LOGIN_FAILED)
        if code is FaultCode.DATABASE_UNREACHABLE:
            self._refuse(run_id, self._errands.unreachable(connection))
        else:
            hint = _BROUGHT_HINTS.get(code) if connection.is_brought else None
            self._refuse(run_id, Fault(code=code, hint=hint))

    def _opened_dynamic(
        self, message: OpenDynamic, name: ConnectionName, connection: NamedConnection
    ) -> None:
        # Nobody else has a pool of that name, so none of it is being given up.
        self._opened(message, connection, PoolKey(message.principal, name, connection.access))

    def _opened(
        self,
        message: OpenLease | OpenDynamic,
        connection: NamedConnection | FileConnection,
        pool: PoolKey,
    ) -> None:
        connection_id = ConnectionId(secrets.token_urlsafe(CONNECTION_ID_BYTES))
        try:
            lease = self._records.leases.open(connection_id, pool, now=time.monotonic())
        except LeaseLimitError as error:
            # Others of the same principal were opened while this one logged in.
            self._refuse(message.run_id, error.fault)
            return
        self._records.changed()
        self._log.info("lease_opened", connection=pool.connection, principal=message.principal)
        self._say(
            self._granted(message.run_id, lease, message.executors, opened=True),
            success(
                {
                    "connection_id": connection_id,
                    **({"connection_name": message.name} if isinstance(message, OpenLease) else {}),
                    **connection.described(),
                }
            ),
        )

    def _mint(self, message: MintGrants) -> None:
        lease = self._records.leases.find(
            message.connection_id, message.principal, now=time.monotonic()
        )
        if lease is None:
            self._refuse_missing(message)
            return
        self._say(self._granted(message.run_id, lease, message.executors))

    def _tell(self, message: TellLease) -> None:
        now = time.monotonic()
        lease = self._records.leases.find(message.connection_id, message.principal, now=now)
        status = None if lease is None else self._showing.status(lease, message.usage, now=now)
        if status is None:
            self._refuse_missing(message)
        else:
            self._say(Settled(run_id=message.run_id), success(status))

    def _refuse_missing(self, message: MintGrants | EndLease | TellLease) -> None:
        leases = self._records.leases
        fault = leases.missing(message.connection_id, message.principal, now=time.monotonic())
        self._refuse(message.run_id, fault)

    def _granted(
        self,
        run_id: RunId,
        lease: Lease,
        executors: tuple[Incarnation, ...],
        *,
        opened: bool = False,
    ) -> Granted:
        expires_at = time.monotonic() + grants.GRANT_S
        engine = self._engine(lease.pool)
        return Granted(
            run_id=run_id,
            connection_id=lease.connection_id,
            pool=lease.pool,
            engine=engine,
            grants={
                executor: grants.mint(
                    grants.Claims(lease.connection_id, lease.pool, executor, expires_at),
                    mac=self._keys.mac,
                )
                for executor in executors
                if engine != "sqlite"
            },
            expires_in_ms=int(grants.GRANT_S * 1000),
            statement_ms=self._settings.statement_ms,
            opened=opened,
        )

    def _end(self, message: EndLease) -> None:
        lease = self._records.leases.end(message.connection_id, message.principal)
        if lease is None:
            self._refuse_missing(message)
            return
        self._log.info("lease_ended", connection=lease.pool.connection)
        self._over(lease, lambda: self._say(Settled(run_id=message.run_id), success({})))

    def _over(self, lease: Lease, when_done: Callable[[], None]) -> None:
        self._records.changed()
        self._dynamics.lease_over(lease.pool.connection)
        self._say(LeaseEnded(connection_id=lease.connection_id))
        if self._records.leases.has(lease.pool) or self._is_file(lease.pool):
            # Of a file nothing was lent: whoever has it open closes it when nobody uses it.
            when_done()
            return
        self._recall.begin(lease.pool, self._executors(), when_done)

    def _engine(self, pool: PoolKey) -> Engine:
        return (
            "sqlite" if self._is_file(pool) else self._records.connections[pool.connection].engine
        )

    def _is_file(self, pool: PoolKey) -> bool:
        return pool.connection in self._settings.files

    def _refuse(self, run_id: RunId, fault: Fault) -> None:
        self._say(Refused(run_id=run_id, fault=fault))

    def _say(self, message: FromVault, payload: bytes = b"") -> None:
        self._records.afterwards(lambda: self._answer(message, payload))


def _nobody_waits() -> None:
    """Follow the end of a lease that ended by itself."""
