"""Own the demo's PostgreSQL: start it, end it with us, and remove what it leaves.

Whoever kills whom, no server stays behind: the kernel tells this process when its parent dies, and
the server when this process does. Signals are not handled but waited for, so that there is one
place where this process sleeps. Nothing here knows a password.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from console.demo.account import owner_of
from console.demo.cluster import ENVIRONMENT, server_command
from console.demo.leftovers import hold

PR_SET_PDEATHSIG: Final = 1
WATCHED: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})

# What PostgreSQL calls an immediate shutdown. Any other would first write down what is about to be
# removed, and the supervisor gives us little time to remove it.
IMMEDIATE: Final = signal.SIGQUIT
IMMEDIATE_STOP_S: Final = 0.8

# How often the server's own status line is read until it says ready; it takes about 0.1 s.
READY_CHECK_S: Final = 0.02


def keep(home: Path, programs: Path, *, parent: int, ready_fd: int | None) -> int:
    """Run the server until we are told to stop or it ends, and return the exit status.

    *ready_fd*, if any, gets one line when the server accepts connections, and stays open as long as
    we live. Data is kept when the server ends by itself, so that the next keeper can go on with it.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    _when_parent_dies(signal.SIGTERM)
    if os.getppid() != parent:
        shutil.rmtree(home, ignore_errors=True)
        return _failed("the process that prepared the demo database is gone")
    hold(home)  # until we end, so that no other demo's start takes it for left behind
    server = _start(home, programs)
    if _wait_until_told(server, home, ready_fd) == signal.SIGCHLD:
        # Not its words: PostgreSQL quotes the statement that an error was about.
        return _failed(f"the demo database ended by itself; {home / 'server.log'} may say why")
    _stop(server)
    shutil.rmtree(home, ignore_errors=True)
    return 0


def _start(home: Path, programs: Path) -> subprocess.Popen[bytes]:
    account = owner_of(home / "data")
    log = os.open(home / "server.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - the package's own server, no shell
            server_command(home, programs),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=ENVIRONMENT,
            cwd="/",
            user=account.user_change,
            group=account.group_change,
            extra_groups=account.groups_change,
            # Ctrl-C in a terminal is for us, who stop the server in our own order.
            start_new_session=True,
            preexec_fn=_end_with(os.getpid()),  # noqa: PLW1509 - one thread, so no lock to inherit
        )
    finally:
        os.close(log)


def _end_with(keeper: int) -> Callable[[], None]:
    """Return what the new process does first, as the server's user: changing user clears it."""

    def tie() -> None:
        _when_parent_dies(IMMEDIATE)
        if os.getppid() != keeper:
            os._exit(1)

    return tie


def _when_parent_dies(number: signal.Signals) -> None:
    """Have the kernel send us *number* then; the caller checks that it did not happen before."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def _wait_until_told(server: subprocess.Popen[bytes], home: Path, ready_fd: int | None) -> int:
    """Return the signal that told us to stop, or SIGCHLD when the server has ended."""
    while True:
        if ready_fd is None:
            received: signal.struct_siginfo | None = signal.sigwaitinfo(WATCHED)
        else:
            received = signal.sigtimedwait(WATCHED, READY_CHECK_S)
        if received is None:
            ready_fd = _report_if_ready(server, home, ready_fd)
        elif received.si_signo != signal.SIGCHLD or server.poll() is not None:
            return received.si_signo


def _report_if_ready(
    server: subprocess.Popen[bytes], home: Path, ready_fd: int | None
) -> int | None:
    """Write the line once the server's own lock file says so, as `pg_ctl --wait` does."""
    try:
        lines = (home / "data" / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return ready_fd
    # The file of a server that was killed says ready, too: compare whose it is.
    if ready_fd is None or lines[:1] != [str(server.pid)] or "ready" not in lines[-1]:
        return ready_fd
    # If its reader is gone, our parent is, and the signal that says so is under way.
    with suppress(BrokenPipeError, ConnectionResetError):
        os.write(ready_fd, b"ready\n")
    return None


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(IMMEDIATE)
    try:
        server.wait(IMMEDIATE_STOP_S)
    except subprocess.TimeoutExpired:
        # Its backends notice by themselves that it is gone, and end.
        server.kill()
        server.wait()


def _failed(sentence: str) -> int:
    sys.stderr.write(f"demo: {sentence}\n")
    return 1
