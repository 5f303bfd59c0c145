"""Connections that clients bring, with a password of their own: tried once, kept while leased.

Each has a name that nobody else can have, so that its pool is one client's, and a credential in the
sealed state, so that it survives this process as a configured one does.
"""

import math
import secrets
import time
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from vault.counted import account_at
from vault.errands import Errands
from vault.guesses import Guesses
from vault.leases import LeaseLimitError
from vault.opened_once import OpenedOnce
from vault.opening import NotOpenedError
from vault.records import Records
from vault.resealing import reseal
from vault.seal import Keys
from vault.secret import SecretPage
from vault.settings import Dynamic, NamedConnection
from vault.state import Credential
from vault.targets import may_look_up, stays_here
from wire.destination import sealing_purpose
from wire.faults import Fault, FaultCode
from wire.lending import LoginFailed, LoginOutcome, Tls
from wire.logs import Log
from wire.messages import OpenDynamic
from wire.names import DYNAMIC, ConnectionName, RunId

_NAME_BYTES: Final = 16

_NOT_TRIED: Final = frozenset({"paused", "unreachable"})
"""The stages at which no packet was sent."""


class Dynamics:
    """Takes in what clients bring, and drops it when its lease is over."""

    def __init__(
        self,
        records: Records,
        keys: Keys,
        errands: Errands,
        *,
        settings: Dynamic,
        refuse: Callable[[RunId, Fault], None],
        failed: Callable[[RunId, LoginFailed, NamedConnection], None],
        opened: Callable[[OpenDynamic, ConnectionName, NamedConnection], None],
        log: Log,
    ) -> None:
        self._records = records
        self._keys = keys
        self._errands = errands
        self._settings = settings
        self._refuse = refuse
        self._failed = failed
        self._opened = opened
        self._log = log
        self._page = SecretPage.own()
        self._guesses = Guesses()
        self._opened_once = OpenedOnce()
        # What the vault before us did not live to drop.
        self._unleased = set(records.brought()) | {
            ConnectionName(name) for name in records.credentials if name.startswith(DYNAMIC)
        }

    def open(self, message: OpenDynamic) -> None:
        """Try what a client brought, and open a lease on it if that works."""
        name = ConnectionName(DYNAMIC + secrets.token_urlsafe(_NAME_BYTES))
        connection = _connection(message, name)
        refusal = self._refusal(message, connection)
        if refusal is None and not self._take_in(message, name):
            self._log.warning("sealed_not_opened", principal=message.principal)
            refusal = Fault(code=FaultCode.INTERNAL)
        if refusal is not None:
            self._refuse(message.run_id, refusal)
            return
        self._guesses.begin(message.principal, connection.account)

        def heard(outcome: LoginOutcome) -> None:
            self._tried(message, name, connection, outcome)

        self._errands.try_login(connection, message.deadline_ms, heard)

    def _refusal(self, message: OpenDynamic, connection: NamedConnection) -> Fault | None:
        """Return why what came is not even opened."""
        if not self._settings.accepts_plaintext:
            return Fault(code=FaultCode.PLAINTEXT_REFUSED)
        if connection.engine == "sqlite":
            # A gateway that keeps its word has said so already.
            return Fault(code=FaultCode.INVALID_ARGUMENTS)
        if not may_look_up(connection.host, connection.port, self._settings.targets):
            return Fault(code=FaultCode.TARGET_REFUSED)
        if (refusal := self._pause(message, connection)) is not None:
            return refusal
        try:
            self._records.leases.require_room(message.principal)
        except LeaseLimitError as error:
            return error.fault
        return self._errands.refusal(connection)

    def _pause(self, message: OpenDynamic, connection: NamedConnection) -> Fault | None:
        left_s = max(
            self._errands.pause_s(connection),
            self._guesses.pause_s(message.principal, connection.account, now=time.monotonic()),
        )
        if left_s == 0:
            return None
        return Fault(
            code=FaultCode.LOGIN_PAUSED,
            message="Connecting failed too often; it is not tried again for a while",
            hint=f"Check host, username and password; try again in {math.ceil(left_s)} s.",
        )

    def _take_in(self, message: OpenDynamic, name: ConnectionName) -> bool:
        """Open the password and seal it as our own; return False where it does not open, or did."""
        if self._opened_once.has(message.sealed):
            return False
        purpose = sealing_purpose(message.destination, message.principal)
        try:
            sealed = reseal(message.sealed, self._keys, self._page, purpose=purpose, name=name)
        except NotOpenedError:
            return False
        self._opened_once.note(message.sealed)
        self._records.credentials[name] = Credential(message.destination.user, sealed)
        return True

    def _tried(
        self,
        message: OpenDynamic,
        name: ConnectionName,
        connection: NamedConnection,
        outcome: LoginOutcome,
    ) -> None:
        failed = isinstance(outcome, LoginFailed) and outcome.stage not in _NOT_TRIED
        self._guesses.ended(
            message.principal, connection.account, failed=failed, now=time.monotonic()
        )
        if isinstance(outcome, LoginFailed):
            self._unleased.add(name)
            self._log.warning(
                "connect_failed", principal=message.principal, credential=name, stage=outcome.stage
            )
            self._failed(message.run_id, outcome, connection)
            return
        kept = replace(connection, account="")
        self._records.connections[name] = kept
        # Until there is a lease on it, which there may be no more room for.
        self._unleased.add(name)
        self._opened(message, name, kept)

    def lease_over(self, name: ConnectionName) -> None:
        """Note that a lease is over, perhaps one on what a client brought."""
        if name.startswith(DYNAMIC):
            self._unleased.add(name)

    def sweep(self) -> None:
        """Drop what has neither a lease nor a session any more."""
        if not self._unleased:
            return
        self._unleased -= {lease.pool.connection for lease in self._records.leases.all()}
        lent = {loan.pool.connection for loan in self._records.loans.all()}
        for name in self._unleased - lent:
            connection = self._records.connections.pop(name, None)
            if connection is not None:
                self._errands.forget(connection)
            self._records.credentials.pop(name, None)
            self._records.changed()
        self._unleased &= lent


def _connection(message: OpenDynamic, name: ConnectionName) -> NamedConnection:
    """Return what a client asks for; how it is encrypted and logged in to is not its choice."""
    asked = message.destination
    return NamedConnection(
        engine=asked.engine,
        host=asked.host,
        port=asked.port,
        database=asked.database,
        access="read-write",
        variable=name,
        auth="caching_sha2_password" if asked.engine == "mysql" else "scram-sha-256",
        tls=None if stays_here(asked.host) else Tls(mode="verify-full"),
        account=account_at(asked.user, asked.host, asked.port),
    )
