"""`strongroom stdio`: for MCP clients that start their servers; joins the running system.

Nothing is written to standard output here: the streams go to a gateway, and this process waits for
its end. Where no system runs and a configuration is given, one is started that ends with its last
such client.
"""

import argparse
import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from console.arguments import run_dir_help
from console.failures import CommandFailedError, NotRunningError
from console.system import call, fetch_status, hear, say
from console.takeout import discard
from wire.console import AdoptStdio, StdioEnded
from wire.rundir import own_uid, run_dir_of, take
from wire.takeout_fd import SECRETS_FD

STARTING_LOCK: Final = "starting"
READY_WORD: Final = b"ready"

_STDIN: Final = 0
_STDOUT: Final = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `stdio` takes."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="start a system with these connections (JSON)"
    )
    where = run_dir_help("where the system runs")
    parser.add_argument("--run-dir", type=Path, metavar="DIR", help=where)


def run(args: argparse.Namespace) -> int:
    """Serve the client on our standard streams until it goes; return the gateway's status."""
    run_dir = run_dir_of(args.run_dir)
    with _join_or_start(run_dir.absolute(), args.config) as link:
        # The vault has them, or a system that was running before never asked for them.
        discard()
        say(link, AdoptStdio(), (_STDIN, _STDOUT))
        answer, _ = hear(link)
    if isinstance(answer, StdioEnded):
        return answer.status
    raise CommandFailedError("the running system is of another version")


def _join_or_start(run_dir: Path, config: Path | None) -> socket.socket:
    try:
        return _join(run_dir, config)
    except NotRunningError as error:
        if config is None:
            # A demo that nobody asked for would answer instead of the databases that were meant.
            raise CommandFailedError(f"{error}, or give --config FILE") from None
    with _starting(run_dir):
        try:
            return _join(run_dir, config)  # another client was first
        except NotRunningError:
            _start(run_dir, config)
        return _join(run_dir, config)


def _join(run_dir: Path, config: Path | None) -> socket.socket:
    """Return a socket to the running system, if it runs with *config* or none is asked for."""
    link = call(run_dir)
    if config is not None:
        try:
            _require_same(config, fetch_status(run_dir).configuration, run_dir)
        except CommandFailedError:
            link.close()
            raise
    return link


def _require_same(config: Path, running: str | None, run_dir: Path) -> None:
    if running is None or config.resolve() != Path(running).resolve():
        raise CommandFailedError(
            f"the system on {run_dir} runs with {running or 'another configuration'}, not with "
            f"{config.absolute()}; leave --config out to join it, or give another --run-dir"
        )


@contextmanager
def _starting(run_dir: Path) -> Iterator[None]:
    """Let one client at a time start a system; the others wait here until it is ready."""
    try:
        take(run_dir, uid=own_uid())
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(run_dir / STARTING_LOCK, flags, 0o600)
    except OSError as error:
        sentence = f"run directory {run_dir} cannot be used: {error.strerror}"
        raise CommandFailedError(sentence) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _start(run_dir: Path, config: Path) -> None:
    """Start a system in a session of its own, and return when it is ready."""
    command = [sys.executable, "-P", "-m", "console", "up", "--listen", "none", "--until-idle"]
    command += ["--run-dir", str(run_dir), "--config", str(config.absolute())]
    secrets = os.environ.get(SECRETS_FD)
    started = subprocess.Popen(  # noqa: S603 - our own command line, no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        pass_fds=() if secrets is None else (int(secrets),),
    )
    if started.stdout is None or not _says_ready(started.stdout.read()):
        status = started.wait()
        raise CommandFailedError("the system did not start", status=status or 1)
    # It has its own life now, and ends with its last client: nobody waits for it here.
    started.returncode = 0


def _says_ready(output: bytes) -> bool:
    return any(line.startswith(READY_WORD) for line in output.splitlines())
