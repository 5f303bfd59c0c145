"""The running system as the console sees it, through `control.sock`."""

import os
import pwd
import socket
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from console.failures import CommandFailedError, NotRunningError
from wire.codec import TO_CONSOLE, MalformedMessageError, encode
from wire.console import AskStatus, FromConsole, NotServed, StatusReport, ToConsole
from wire.packets import PeerGoneError, close_all, receive_packet, send_packet
from wire.rundir import CONTROL_SOCKET, own_uid, require_trusted

ANSWER_S: Final = 5.0
"""The supervisor answers within one second, vault or no vault."""

Fields: TypeAlias = dict[str, object]


class _Process(Struct, frozen=True, kw_only=True):
    role: str
    name: str
    pid: int | None
    """None while it is being restarted."""
    state: str
    uptime_s: float
    restarts: int


class ProcessStatus(_Process, frozen=True, kw_only=True):
    """One process that is alive."""

    pid: int


class SystemStatus(Struct, frozen=True, kw_only=True):
    """What a running system says of itself."""

    of_processes: list[_Process] = field(name="processes")
    connections: list[Fields]
    leases: list[Fields] | None
    """None when the vault did not answer in time."""
    leases_total: int | None
    """How many there are; `leases` has the most recently used."""
    loans: list[Fields] | None
    pools: list[Fields] | None
    pools_total: int | None
    requests: Fields | None
    """None when the router did not answer in time."""
    executors: list[Fields] | None
    logins: Fields | None
    limits: dict[str, int]
    url: str | None
    run_dir: str
    version: str
    configuration: str
    """The absolute path of the file."""
    log: str | None
    """The log's path, None when it is the standard error of whoever started the system."""
    document: bytes = b""
    """The whole report as it came, JSON; `read_status` puts it here."""

    @property
    def processes(self) -> list[ProcessStatus]:
        """Return those that are alive."""
        alive = [one for one in self.of_processes if one.pid is not None]
        return msgspec.convert(alive, list[ProcessStatus], from_attributes=True)

    @property
    def absent(self) -> list[str]:
        """Return the names of those that are being restarted at the moment."""
        return [one.name for one in self.of_processes if one.pid is None]


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
    return replace(msgspec.json.decode(document, type=SystemStatus), document=document)


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
        advice = f" {_whose(run_dir)}" if isinstance(error, PermissionError) else ""
        sentence = f"{run_dir / CONTROL_SOCKET}: {error.strerror}{advice}"
        raise CommandFailedError(sentence) from None
    return link


def _whose(run_dir: Path) -> str:
    uid = run_dir.stat().st_uid
    try:
        owner = pwd.getpwuid(uid).pw_name
    except KeyError:
        owner = f"uid {uid}"
    return f"(it is {owner}'s; act as that user, or use `query` with --url and --token-file)"


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
