"""Who asks for the status, and what is there to say: vault and router each have a part of it."""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from supervisor.children import Child
from supervisor.connections import Connection, File
from supervisor.console_socket import Caller
from supervisor.fleet import Fleet
from supervisor.overview import Fields, Fixed, overview
from supervisor.settings import LIMIT_FIELDS, Configuration
from supervisor.watch import Watch
from wire.console import StatusReport
from wire.control import Status, TellStatus
from wire.names import Incarnation, Role
from wire.status import RouterReport, VaultReport
from wire.version import VERSION

ANSWER_S: Final = 1.0
"""A vault or a router that is restarting must not keep a person waiting."""

_ASKED: Final[tuple[Role, ...]] = ("vault", "router")


@dataclass(slots=True)
class _Inquiry:
    caller: Caller
    silent: set[Incarnation]
    """Who has not answered yet."""
    vault: VaultReport | None = None
    router: RouterReport | None = None


class Inquiries:
    """Status requests that wait for vault and router."""

    def __init__(
        self, watch: Watch, fleet: Fleet, *, fixed: Fixed, close: Callable[[Caller], None]
    ) -> None:
        """Answer with *fixed*, which stays the same, and what is true at the moment."""
        self._watch = watch
        self._fleet = fleet
        self._fixed = fixed
        self._close = close
        self._asked = 0
        self._waiting: dict[int, _Inquiry] = {}

    def ask(self, caller: Caller) -> None:
        """Answer *caller* as soon as both have said their part, or without it."""
        self._asked += 1
        number = self._asked
        asked = [child for child in self._fleet.alive() if child.role in _ASKED]
        self._waiting[number] = _Inquiry(caller, {child.incarnation for child in asked})
        for child in asked:
            child.say(TellStatus(ask=number))
        late = time.monotonic() + (ANSWER_S if asked else 0)
        self._watch.at(("status", number), late, lambda: self._answer(number))

    def answered(self, child: Child, message: Status) -> bool:
        """Take note of what *child* said; return False if it spoke for another role."""
        match message.report:
            case VaultReport() if child.role != "vault":
                return False
            case RouterReport() if child.role != "router":
                return False
        inquiry = self._waiting.get(message.ask)
        if inquiry is None or child.incarnation not in inquiry.silent:
            return True
        match message.report:
            case VaultReport() as report:
                inquiry.vault = report
            case RouterReport() as report:
                inquiry.router = report
        inquiry.silent.discard(child.incarnation)
        if not inquiry.silent:
            self._answer(message.ask)
        return True

    def left(self, caller: Caller) -> None:
        """Forget a caller that does not wait any more."""
        for number in [number for number, its in self._waiting.items() if its.caller is caller]:
            self._forget(number)

    def _forget(self, number: int) -> _Inquiry | None:
        self._watch.cancel(("status", number))
        return self._waiting.pop(number, None)

    def _answer(self, number: int) -> None:
        inquiry = self._forget(number)
        if inquiry is None:
            return
        processes = _processes(self._fleet, now=time.monotonic())
        descriptor = _in_memory(
            overview(self._fixed, processes, vault=inquiry.vault, router=inquiry.router)
        )
        inquiry.caller.answer(StatusReport(), (descriptor,))
        os.close(descriptor)
        self._close(inquiry.caller)


def fixed_fields(
    configuration: Configuration, *, url: str | None, run_dir: Path, log: Path | None
) -> Fixed:
    """Return what does not change while the system runs."""
    return Fixed(
        connections=tuple(
            {"name": name, "type": one.engine, **_place(one), "access": one.access}
            for name, one in configuration.connections.items()
        ),
        limits={key: getattr(configuration.limits, LIMIT_FIELDS[key]) for key in LIMIT_FIELDS},
        place={
            "url": url,
            "run_dir": str(run_dir),
            "configuration": str(configuration.path.absolute()),
            "log": None if log is None else str(log),
            "version": VERSION,
        },
    )


def _place(one: Connection | File) -> Fields:
    if isinstance(one, File):
        return {"database": str(one.path)}
    return {
        "host": one.host,
        "port": one.port,
        "database": one.database,
        # Paths and words, never what is in a file: `prove` goes the same way to the server.
        "tls": msgspec.to_builtins(one.tls),
    }


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
