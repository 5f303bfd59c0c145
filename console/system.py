"""The running system as the console sees it, through `control.sock`."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from console.failures import CommandFailedError, NotRunningError
from wire.codec import TO_CONSOLE, MalformedMessageError, encode
from wire.console import AskStatus, FromConsole, NotServed, StatusReport, ToConsole
from wire.packets import PeerGoneError, close_all, receive_packet, send_packet
from wire.rundir import CONTROL_SOCKET, own_uid, require_trusted

ANSWER_S: Final = 5.0
"""The supervisor answers within one second, vault or no vault."""

Fields: TypeAlias = dict[str, object]


@dataclass(frozen=True)
class ProcessStatus:
    """One process that is alive."""

    role: str
    name: str
    pid: int
    state: str
    uptime_s: float
    restarts: int


@dataclass(frozen=True, kw_only=True)
class SystemStatus:
    """What a running system says of itself."""

    processes: list[ProcessStatus]
    absent: list[str]
    """Names of the processes that are being restarted at the moment."""
    connections: list[Fields]
    leases: list[Fields] | None
    """None when the vault did not answer in time."""
    loans: list[Fields] | None
    pools: list[Fields] | None
    leases_total: int | None
    """How many there are; `leases` has the most recently used."""
    requests: Fields | None
    """None when the router did not answer in time."""
    executors: list[Fields] | None
    logins: Fields | None
    limits: dict[str, int]
    url: str | None
    run_dir: str
    version: str
    configuration: str | None
    """The absolute path of the file; None from a version that does not say."""
    log: str | None
    """The log's path, None when it is the standard error of whoever started the system."""
    document: bytes
    """The whole report as it came, JSON."""


class _Process(Struct, frozen=True):
    role: str
    name: str
    pid: int | None
    state: str
    uptime_s: float
    restarts: int


class _Report(Struct, frozen=True):
    processes: list[_Process]
    connections: list[Fields]
    leases: list[Fields] | None
    loans: list[Fields] | None
    url: str | None
    run_dir: str
    version: str
    pools: list[Fields] | None = None
    leases_total: int | None = None
    requests: Fields | None = None
    executors: list[Fields] | None = None
    logins: Fields | None = None
    limits: dict[str, int] = {}
    configuration: str | None = None
    log: str | None = None


def fetch_status(run_dir: Path) -> SystemStatus:
    """Ask the system that runs on *run_dir*; raise CommandFailedError or RunDirectoryError."""
    with call(run_dir) as link:
        say(link, AskStatus())
        link.settimeout(ANSWER_S)
        answer, descriptors = hear(link)
    if not isinstance(answer, StatusReport) or len(descriptors) != 1:
        close_all(descriptors)
        raise CommandFailedError("the running system is of another version")
    with os.fdopen(descriptors[0], "rb") as file:
        return read_status(file.read())


def read_status(document: bytes) -> SystemStatus:
    """Return what the JSON of a status report says."""
    found = msgspec.json.decode(document, type=_Report)
    alive = [
        ProcessStatus(one.role, one.name, one.pid, one.state, one.uptime_s, one.restarts)
        for one in found.processes
        if one.pid is not None
    ]
    return SystemStatus(
        processes=alive,
        absent=[one.name for one in found.processes if one.pid is None],
        connections=found.connections,
        leases=found.leases,
        loans=found.loans,
        pools=found.pools,
        leases_total=found.leases_total,
        requests=found.requests,
        executors=found.executors,
        logins=found.logins,
        limits=found.limits,
        url=found.url,
        run_dir=found.run_dir,
        version=found.version,
        configuration=found.configuration,
        log=found.log,
        document=document,
    )


def call(run_dir: Path) -> socket.socket:
    """Return a socket to the system on *run_dir*; raise NotRunningError when there is none."""
    missing = f"nothing runs on {run_dir}; start it with ./scripts/launch.py or `strongroom up`"
    try:
        require_trusted(run_dir, uid=own_uid())
    except FileNotFoundError:
        raise NotRunningError(missing) from None
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        link.connect(str(run_dir / CONTROL_SOCKET))
    except (FileNotFoundError, ConnectionRefusedError):
        link.close()
        raise NotRunningError(missing) from None
    except OSError as error:
        link.close()
        raise CommandFailedError(f"{run_dir / CONTROL_SOCKET}: {error.strerror}") from None
    return link


def say(link: socket.socket, request: FromConsole, descriptors: tuple[int, ...] = ()) -> None:
    """Send one request."""
    try:
        send_packet(link, encode(request), descriptors)
    except PeerGoneError:
        raise CommandFailedError("the running system closed the conversation") from None


def hear(link: socket.socket) -> tuple[ToConsole, tuple[int, ...]]:
    """Return the answer and its descriptors; raise CommandFailedError for a refusal or none."""
    try:
        data, descriptors = receive_packet(link)
    except PeerGoneError:
        raise CommandFailedError("the running system has stopped") from None
    except TimeoutError:
        raise CommandFailedError("the running system does not answer") from None
    try:
        answer = TO_CONSOLE.decode(data)
    except MalformedMessageError:
        close_all(descriptors)
        raise CommandFailedError("the running system is of another version") from None
    if isinstance(answer, NotServed):
        close_all(descriptors)
        raise CommandFailedError(answer.sentence)
    return answer, descriptors
