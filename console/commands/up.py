"""`strongroom up`: become the supervisor, with a demo database when no configuration is given."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from console.arguments import run_dir_help
from console.demo.account import DemoError
from console.demo.plan import prepare
from console.demo.roles import READER
from console.failures import CommandFailedError
from wire.exits import EXIT_CANNOT_START
from wire.rundir import run_dir_of
from wire.takeout_fd import SECRETS_FD

CONFIGURATION_NAME: Final = "strongroom.json"
DEFAULT_LISTEN: Final = "127.0.0.1:8765"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `up` takes."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="the connections (JSON)")
    parser.add_argument(
        "--listen",
        default=DEFAULT_LISTEN,
        metavar="HOST:PORT",
        help="where MCP clients connect (default: %(default)s)",
    )
    where = run_dir_help("for sockets and the token")
    parser.add_argument("--run-dir", type=Path, metavar="DIR", help=where)
    for name, count, what in (
        ("--executors", "2", "processes that run SQL"),
        ("--gateways", "1", "processes that face clients"),
    ):
        parser.add_argument(name, default=count, metavar="N", help=f"{what} (default: %(default)s)")
    parser.add_argument("--no-token", action="store_true", help="let any local user connect")
    parser.add_argument(
        "--log-format",
        choices=("auto", "text", "json"),
        default="auto",
        help="how the log is written (default: text at a terminal, JSON elsewhere)",
    )
    parser.add_argument("--until-idle", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Become the supervisor; return only when it would not start."""
    command = supervisor_command(args)
    if args.config is not None:
        return _become([*command, "--config", str(args.config)])
    status = subprocess.run([*command, "--check"], check=False).returncode  # noqa: S603 - ours
    if status != 0:
        return status
    return _become([*command, *_demo_options()])


def _become(command: list[str]) -> int:
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606 - no shell


def supervisor_command(args: argparse.Namespace) -> list[str]:
    """Return the supervisor's command line, all but the configuration."""
    run_dir = run_dir_of(args.run_dir)
    command = [sys.executable, "-P", "-m", "supervisor"]
    command += ["--run-dir", str(run_dir.absolute()), "--listen", args.listen]
    command += ["--executors", args.executors, "--gateways", args.gateways]
    command += ["--log-format", args.log_format]
    chosen = (("--no-token", args.no_token), ("--until-idle", args.until_idle))
    return command + [name for name, given in chosen if given]


def _demo_options() -> list[str]:
    """Make the demo database, leave its credentials to the supervisor, and return its options."""
    try:
        plan = prepare()
    except DemoError as error:
        raise CommandFailedError(str(error), status=EXIT_CANNOT_START) from None
    path = plan.directory / CONFIGURATION_NAME
    path.write_text(json.dumps(plan.configuration, indent=2) + "\n", encoding="utf-8")
    os.environ[SECRETS_FD] = str(plan.secrets_fd)
    return [
        *("--config", str(path)),
        *("--demo-command", json.dumps(plan.command)),
        *("--demo-password-file", str(plan.reader_password_file)),
        *("--demo-user", READER),
    ]
