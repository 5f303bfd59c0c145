"""What `strongroom status` shows, as one JSON object; and who waits for the vault's part of it."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from supervisor.children import Child
from supervisor.connections import Connection, File
from supervisor.console_socket import Caller
from supervisor.fleet import Fleet
from supervisor.settings import Configuration
from supervisor.watch import Watch
from wire.console import StatusReport
from wire.control import Status, TellStatus
from wire.version import own_version

VAULT_ANSWER_S: Final = 1.0
"""A vault that is restarting must not keep a person waiting."""

Fields = dict[str, object]


class Inquiries:
    """Status requests that wait for the vault."""

    def __init__(
        self, watch: Watch, fleet: Fleet, *, fixed: Fields, close: Callable[[Caller], None]
    ) -> None:
        """Answer with *fixed*, which stays the same, and what is true at the moment."""
        self._watch = watch
        self._fleet = fleet
        self._fixed = fixed
        self._close = close
        self._asked = 0
        self._waiting: dict[int, Caller] = {}

    def ask(self, caller: Caller) -> None:
        """Answer *caller* as soon as the vault has said its part, or without it."""
        self._asked += 1
        number = self._asked
        self._waiting[number] = caller
        vaults = [child for child in self._fleet.alive() if child.role == "vault"]
        for vault in vaults:
            vault.say(TellStatus(ask=number))
        patience_s = VAULT_ANSWER_S if vaults else 0
        late = time.monotonic() + patience_s
        self._watch.at(("status", number), late, lambda: self._answer(number, {}))

    def answered(self, message: Status) -> None:
        """Pass on what the vault said, if somebody still waits for it."""
        found = msgspec.msgpack.decode(message.report)
        self._answer(message.ask, found if isinstance(found, dict) else {})

    def left(self, caller: Caller) -> None:
        """Forget a caller that does not wait any more."""
        for number in [number for number, its in self._waiting.items() if its is caller]:
            self._forget(number)

    def _forget(self, number: int) -> Caller | None:
        self._watch.cancel(("status", number))
        return self._waiting.pop(number, None)

    def _answer(self, number: int, vault: Fields) -> None:
        caller = self._forget(number)
        if caller is None:
            return
        leases = {"leases": vault.get("leases"), "loans": vault.get("loans")}
        processes = {"processes": list(_processes(self._fleet, now=time.monotonic()))}
        descriptor = _in_memory({**processes, **leases, **self._fixed})
        caller.answer(StatusReport(), (descriptor,))
        os.close(descriptor)
        self._close(caller)


def fixed_fields(
    configuration: Configuration, *, url: str | None, run_dir: Path, log: Path | None
) -> Fields:
    """Return what does not change while the system runs."""
    connections = [
        {"name": name, "type": one.engine, **_place(one), "access": one.access}
        for name, one in configuration.connections.items()
    ]
    return {
        "connections": connections,
        "url": url,
        "run_dir": str(run_dir),
        "configuration": str(configuration.path.absolute()),
        "log": None if log is None else str(log),
        "version": own_version(),
    }


def _place(one: Connection | File) -> Fields:
    if isinstance(one, File):
        return {"database": str(one.path)}
    return {"host": one.host, "port": one.port, "database": one.database}


def _processes(fleet: Fleet, *, now: float) -> Iterable[Fields]:
    born = {child.name: child for child in fleet.alive()}
    yield {
        "role": "supervisor",
        "name": "supervisor",
        "pid": os.getpid(),
        "state": "running",
        "uptime_s": round(now - fleet.started_at, 1),
        "restarts": 0,
    }
    for post in fleet.posts():
        for member in post.unit:
            child = born.get(member.name)
            yield {
                "role": member.role,
                "name": member.name,
                "pid": None if child is None else child.pid,
                "state": post.life.state.value,
                "uptime_s": _uptime_s(child, now),
                "restarts": max(0, post.life.starts - 1),
            }


def _uptime_s(child: Child | None, now: float) -> float:
    return 0.0 if child is None else round(now - child.started_at, 1)


def _in_memory(found: Fields) -> int:
    """Return a memory file with *found* as JSON: a report may be larger than a packet."""
    descriptor = os.memfd_create("strongroom-status")
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(msgspec.json.encode(found))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
