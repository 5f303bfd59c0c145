"""Start one process: a new program, a clean environment, exactly the descriptors it may have."""

import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wire.control import CONTROL_FD
from wire.names import Role
from wire.packets import socket_pair

_STDIN, _STDOUT, _STDERR = 0, 1, 2

_KEPT: Final = frozenset({"PATH", "HOME", "LANG", "TZ"})
"""All else stays behind: a proxy, a PGPASSWORD or an LD_PRELOAD is none of a child's business."""

_WIPING: Final = {
    # Freed memory is overwritten at once, so that nothing of a secret outlives its variable.
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0",
}

_BOUND: Final = {
    # A library's function that is bound at its first call, which is the default, is bound by code
    # that puts the vector registers on the stack, with what a cipher or a copy left in them.
    "LD_BIND_NOW": "1",
}

_DEFAULT_SIGNALS: Final = (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Program:
    """A command line, and what it needs in its environment beside what everybody has."""

    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Spawned:
    """A process that was just started."""

    pid: int
    pidfd: int
    control: socket.socket


def role_programs(demo: tuple[str, ...] = ()) -> dict[Role, Program]:
    """Return each role's command line; `-P` keeps the working directory off the import path."""
    python = (sys.executable, "-P", "-m")
    bound = tuple(_BOUND.items())
    wiping = (*_WIPING.items(), *bound)
    return {
        "router": Program((*python, "broker", "router")),
        "gateway": Program((*python, "broker", "gateway"), bound),
        "vault": Program((*python, "vault", "service"), wiping),
        "login-server": Program((*python, "vault", "login-server"), wiping),
        "executor": Program((*python, "executor")),
        "file-executor": Program((*python, "executor.sqlite")),
        "demo": Program((*demo, "--ready-fd", str(CONTROL_FD))),
    }


def spawn(program: Program, environment: Mapping[str, str], *, stderr: int = _STDERR) -> Spawned:
    """Start *program* with a control socket as descriptor 3, its *stderr*, and nothing else."""
    ours, theirs = socket_pair()
    with theirs:
        pid = os.posix_spawn(
            program.arguments[0],
            list(program.arguments),
            {**clean_environment(environment), **dict(program.environment)},
            file_actions=[
                # What a library prints by mistake belongs in the log.
                (os.POSIX_SPAWN_OPEN, _STDIN, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, stderr, _STDERR),
                (os.POSIX_SPAWN_DUP2, stderr, _STDOUT),
                (os.POSIX_SPAWN_DUP2, theirs.fileno(), CONTROL_FD),
            ],
            setsigmask=[],
            setsigdef=list(_DEFAULT_SIGNALS),
        )
    ours.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    return Spawned(pid, os.pidfd_open(pid), ours)


def clean_environment(source: Mapping[str, str]) -> dict[str, str]:
    """Return what of *source* a child may see.

    PYTHONPATH finds a checkout that is not installed; a relative entry would let the working
    directory in.
    """
    kept = {name: value for name, value in source.items() if name in _KEPT or name[:3] == "LC_"}
    paths = [entry for entry in source.get("PYTHONPATH", "").split(os.pathsep) if entry[:1] == "/"]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)} if paths else kept
