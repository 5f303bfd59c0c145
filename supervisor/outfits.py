"""What each process gets when it starts: its part of the configuration, and descriptors."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import to_builtins

from supervisor.connections import Connection
from supervisor.listening import bound_address
from supervisor.memory import Memories
from supervisor.plan import Member
from supervisor.rundir import RunDirectory
from supervisor.settings import Configuration
from wire.names import ANYONE, EXECUTOR_SLOTS, LOCAL_TOKEN, Principal

WAITING_MAX: Final = 1024
LOGIN_SPARES: Final = 4

Settings: TypeAlias = dict[str, object]


@dataclass(frozen=True)
class Outfit:
    """Settings and descriptors for one life of one process."""

    settings: Settings
    descriptors: tuple[int, ...] = ()
    principal: Principal | None = None
    """Whom a gateway speaks for."""


class Outfits:
    """The supervisor's belongings, and who gets which of them."""

    def __init__(
        self,
        configuration: Configuration,
        run_dir: RunDirectory,
        memories: Memories,
        *,
        executors: int,
        listener: socket.socket | None,
        token_sha256: str | None,
        secrets: int | None,
    ) -> None:
        self._configuration = configuration
        self._run_dir = run_dir
        self._memories = memories
        self._executors = executors
        self._listener = listener
        self._token_sha256 = token_sha256
        self._secrets = secrets
        # Whoever holds the reading end, logins above all, sees the end of the pipe when we die.
        self._death_watch, self._alive = os.pipe2(os.O_CLOEXEC)

    def for_member(self, member: Member) -> Outfit:
        """Return what *member* gets at its next start."""
        match member.role:
            case "vault":
                return self._vault()
            case "login-server":
                return Outfit({"spares": LOGIN_SPARES}, (self._death_watch,))
            case "router":
                settings = router_settings(self._configuration, self._run_dir)
                return Outfit(settings, (self._memories.router_key,))
            case "gateway":
                return self._http_gateway()
            case "executor" | "file-executor":
                return self._executor(member)
            case "demo" | "supervisor":
                return Outfit({})

    def for_stdio(self, streams: tuple[int, int], *, uid: int) -> Outfit:
        """Return what a gateway on one client's standard streams gets."""
        principal = Principal(f"uid:{uid}")
        settings = {**self._gateway_settings("stdio"), "principal": principal}
        return Outfit(settings, streams, principal)

    def forget_secrets(self) -> None:
        """Close the credentials' memory; the vault has sealed them."""
        if self._secrets is not None:
            os.close(self._secrets)
            self._secrets = None

    def _vault(self) -> Outfit:
        secrets = () if self._secrets is None else (self._secrets,)
        kept = (self._memories.key_page, self._memories.state)
        return Outfit(vault_settings(self._configuration), kept + secrets)

    def _executor(self, member: Member) -> Outfit:
        if member.role == "file-executor":
            return Outfit(file_executor_settings(self._configuration))
        return Outfit(
            executor_settings(
                self._configuration,
                executors=self._executors,
                adopt_dir=self._run_dir.adopt_dir(member.name),
            )
        )

    def _http_gateway(self) -> Outfit:
        if self._listener is None:
            raise RuntimeError("an HTTP gateway without a port")
        address = bound_address(self._listener)
        settings = {
            **self._gateway_settings("http"),
            "token_sha256": self._token_sha256,
            "listen_hosts": sorted({address.host, "localhost", "127.0.0.1", "::1"}),
            "port": address.port,
        }
        principal = ANYONE if self._token_sha256 is None else LOCAL_TOKEN
        return Outfit(settings, (self._listener.fileno(),), principal)

    def _gateway_settings(self, mode: str) -> Settings:
        statement_ms = self._configuration.limits.statement_s * 1000
        return {"mode": mode, "statement_ms": statement_ms, "waiting_max": WAITING_MAX}


def router_settings(configuration: Configuration, run_dir: RunDirectory) -> Settings:
    """Return where the router listens, a socket per role, and how much may be in flight."""
    endpoints = {
        "gateway": run_dir.endpoint("gateway"),
        "executor": run_dir.endpoint("executor"),
        "file_executor": run_dir.endpoint("file-executor"),
        "vault": run_dir.endpoint("vault"),
    }
    return {
        "endpoints": endpoints,
        "waiting_max": WAITING_MAX,
        "statements_per_lease": configuration.limits.statements_per_lease,
        "statements_per_principal": configuration.limits.statements_per_principal,
    }


def executor_settings(configuration: Configuration, *, executors: int, adopt_dir: Path) -> Settings:
    """Return what one of so many executors may do."""
    limits = configuration.limits
    # Each slot can want a connection, and together they must not want more than the vault lends. A
    # third is left: a connection that is being cancelled or closed still counts for a moment.
    share = limits.connections_per_principal * 2 // 3 // executors
    return {
        "slots": max(1, min(EXECUTOR_SLOTS, share)),
        "adopt_dir": str(adopt_dir),
        "rows_max": limits.rows,
        "result_max_bytes": limits.result_bytes,
        "statement_ms": limits.statement_s * 1000,
    }


def file_executor_settings(configuration: Configuration) -> Settings:
    """Return the SQLite files, the directories that they may be in, and the limits."""
    limits = configuration.limits
    return {
        "slots": EXECUTOR_SLOTS,
        "roots": [str(root) for root in configuration.sqlite_roots],
        "files": {
            name: {"path": str(one.path), "access": one.access}
            for name, one in configuration.files().items()
        },
        "rows_max": limits.rows,
        "result_max_bytes": limits.result_bytes,
        "statement_ms": limits.statement_s * 1000,
    }


def vault_settings(configuration: Configuration) -> Settings:
    """Return the connections with the names of their variables, and the limits on leases.

    Of a SQLite file the vault learns no path: it opens none.
    """
    limits = configuration.limits
    connections = {name: _server_settings(one) for name, one in configuration.servers().items()}
    files = {
        name: {"database": one.path.name, "access": one.access}
        for name, one in configuration.files().items()
    }
    return {
        "connections": connections,
        "files": files,
        "dynamic": {
            "accepts_plaintext": configuration.dynamic.accepts_plaintext,
            "targets": [to_builtins(target) for target in configuration.dynamic.targets],
        },
        "statement_ms": limits.statement_s * 1000,
        "lease_idle_ms": limits.lease_idle_s * 1000,
        "lease_ms": limits.lease_s * 1000,
        "connections_per_database": limits.connections_per_database,
        "connections_per_principal": limits.connections_per_principal,
        "leases_per_principal": limits.leases_per_principal,
    }


def _server_settings(one: Connection) -> Settings:
    return {
        "engine": one.engine,
        "host": one.host,
        "port": one.port,
        "database": one.database,
        "access": one.access,
        "variable": one.variable,
        "auth": one.terms.auth,
        "tls": to_builtins(one.tls),
        "channel_binding": one.terms.channel_binding,
        "server_key": one.terms.server_key,
    }
